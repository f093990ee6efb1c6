"""`ScoreName` and `RankSum`: names of scores as objects, with the only code that parses them.

A score of a kernel is named `SCORE@KERNEL[.PART][:RHO[:BETA]]`: `lambda_min@clean.stage_1` is taken
over the parameters of the first stage alone. A score without a kernel is named by
`SCORE` alone. A rank sum joins names with `+`, or with `-` before a score whose direction is
reversed: `cond@clean+params-pools`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ntknas.errors import InputError
from ntknas.kernel.names import KernelName, check_beta
from ntknas.rooms import advice
from ntknas.scores.fraction import format_decimal, format_fraction, parse_fraction
from ntknas.scores.record import ScoreKind
from ntknas.scores.registry import SCORES

__all__ = ["RankSum", "ScoreName"]

# A sign between two names, but not the sign inside a number such as 1e-05.
_SIGN = re.compile(r"(?<![0-9.][eE])([+-])")


@dataclass(frozen=True)
class ScoreName:
    """The name of a score, with its kernel if it has one.

    Attributes:
        score: Name of the score, a key of `SCORES`.
        kernel: Kernel of the score; None for a score without a kernel.
        rho: Attack radius in pixel units; None for kernels without an attack.
        beta: Weight of the robust loss; None for kernels that are not mixed.
        part: Part of the parameters that the kernel is taken over; empty for all of them.

    Example:
        >>> name = ScoreName.parse("cond@mixed_robust:8/255:0.5")
        >>> name.score, name.kernel, name.beta, str(name)
        ('cond', <KernelName.MIXED_ROBUST: 'mixed_robust'>, 0.5, 'cond@mixed_robust:8/255:0.5')
    """

    score: str
    kernel: KernelName | None = None
    rho: float | None = None
    beta: float | None = None
    part: str = ""

    @classmethod
    def parse(cls, text: str) -> "ScoreName":
        """The name that a text stands for.

        Args:
            text: Name in the form `SCORE` or `SCORE@KERNEL[.PART][:RHO[:BETA]]`.

        Raises:
            InputError: If the score or kernel is unknown, or a radius or beta is missing, not
                allowed or out of range.
        """
        score, at, rest = text.partition("@")
        if score not in SCORES:
            known = f"known: {', '.join(SCORES)}{advice(score, SCORES)}"
            raise InputError(f"unknown score {score!r}; {known}")
        without_kernel = SCORES[score].kind is not ScoreKind.KERNEL
        if without_kernel == bool(at):
            shape = "no kernel" if without_kernel else f"a kernel, such as {score}@clean"
            raise InputError(f"score {score} takes {shape}, got {text!r}")
        if not at:
            return cls(score)
        place, *numbers = rest.split(":")
        name, dot, part = place.partition(".")
        if dot and re.fullmatch(r"\w+(\.\w+)*", part) is None:
            raise InputError(
                f"expected the name of a part behind {name}., such as {name}.stage_1, got {text!r}"
            )
        if name not in list(KernelName):
            known = f"known: {', '.join(KernelName)}{advice(name, KernelName)}"
            raise InputError(f"unknown kernel {name!r}; {known}")
        kernel = KernelName(name)
        wanted = 0 if kernel is KernelName.CLEAN else 2 if kernel.mixed else 1
        if len(numbers) != wanted:
            form = name + (":RHO" if wanted else "") + (":BETA" if wanted == 2 else "")
            raise InputError(f"expected {score}@{form}, got {text!r}")
        values = [parse_fraction(number) for number in numbers]
        if values and not 0 <= values[0] <= 1:
            raise InputError(
                f"rho must lie in [0, 1], in pixel units such as 8/255, got {values[0]:g}"
            )
        if len(values) == 2:
            values[1] = check_beta(values[1])
        rho, beta = (*values, None, None)[:2]
        return cls(score, kernel, rho, beta, part)

    def __str__(self) -> str:
        return self.score if self.kernel is None else f"{self.score}@{self.kernel_text}"

    @property
    def kernel_text(self) -> str:
        """The kernel with its radius and beta, as text; empty for a score without a kernel.

        Example:
            >>> ScoreName("cond", KernelName.ROBUST, 8 / 255).kernel_text
            'robust:8/255'
            >>> ScoreName("cond", KernelName.ROBUST, 8 / 255, part="stage_1").kernel_text
            'robust.stage_1:8/255'
        """
        if self.kernel is None:
            return ""
        parts = [f"{self.kernel}.{self.part}" if self.part else str(self.kernel)]
        parts += [] if self.rho is None else [format_fraction(self.rho)]
        parts += [] if self.beta is None else [format_decimal(self.beta)]
        return ":".join(parts)

    @property
    def direction(self) -> int:
        """The direction: +1 if higher values are better, else -1."""
        return SCORES[self.score].direction

    def of(self, other: "ScoreName") -> "ScoreName":
        """This score, with the kernel of another name.

        Args:
            other: Name whose kernel, radius and beta are used.

        Example:
            >>> str(ScoreName("cond").of(ScoreName.parse("trace@robust:8/255")))
            'cond@robust:8/255'
        """
        return replace(other, score=self.score)

    def same(self, other: "ScoreName") -> bool:
        """Whether two names mean the same; radii and betas have to agree to four digits.

        Args:
            other: Name to compare with.

        Example:
            >>> ScoreName.parse("cond@robust:0.03137").same(ScoreName.parse("cond@robust:8/255"))
            True
        """
        return (
            (self.score, self.kernel, self.part) == (other.score, other.kernel, other.part)
            and _close(self.rho, other.rho)
            and _close(self.beta, other.beta)
        )


@dataclass(frozen=True)
class RankSum:
    """Scores whose ranks are summed; a single score is a sum of one term.

    Attributes:
        terms: Names of the scores.
        signs: Sign of each term: +1, or -1 if the direction of the score is reversed.

    Example:
        >>> ranking = RankSum.parse("cond@clean+params-pools")
        >>> [str(term) for term in ranking.terms], ranking.signs, str(ranking)
        (['cond@clean', 'params', 'pools'], (1, 1, -1), 'cond@clean+params-pools')
    """

    terms: tuple[ScoreName, ...]
    signs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.terms:
            raise InputError("expected a score or a sum of scores, got none")
        signs = self.signs or (1,) * len(self.terms)
        if len(signs) != len(self.terms) or not set(signs) <= {1, -1}:
            raise InputError(f"expected a sign of +1 or -1 for each score, got {self.signs}")
        object.__setattr__(self, "signs", signs)

    @classmethod
    def parse(cls, text: str) -> "RankSum":
        """The sum that a text stands for.

        Args:
            text: Name of a score, or several joined with `+` or `-`.

        Raises:
            InputError: If a part is not the name of a score.
        """
        first, *rest = _SIGN.split(text)
        signs = [1 if sign == "+" else -1 for sign in rest[::2]]
        names = rest[1::2]
        if first.strip() or not rest:  # no leading sign
            signs, names = [1, *signs], [first, *names]
        return cls(tuple(ScoreName.parse(name.strip()) for name in names), tuple(signs))

    @classmethod
    def of(cls, names: Iterable[ScoreName | str]) -> "RankSum":
        """The sum of the ranks of some scores, each with its own direction.

        Args:
            names: Names of the scores.
        """
        return cls(
            tuple(name if isinstance(name, ScoreName) else ScoreName.parse(name) for name in names)
        )

    def __str__(self) -> str:
        text = "".join(
            f"{'+' if sign > 0 else '-'}{term}"
            for term, sign in zip(self.terms, self.signs, strict=True)
        )
        return text.removeprefix("+")

    @property
    def single(self) -> ScoreName | None:
        """The score, if the sum has one term whose direction is not reversed; else None."""
        return self.terms[0] if self.signs == (1,) else None

    @property
    def direction(self) -> int:
        """The direction: +1 if higher values are better, else -1, as for every sum of ranks.

        Example:
            >>> RankSum.parse("lambda_min@clean").direction, RankSum.parse("params+flops").direction
            (1, -1)
        """
        return -1 if self.single is None else self.single.direction


def _close(a: float | None, b: float | None) -> bool:
    """Whether two numbers agree to four digits, or both are missing."""
    return a == b or (a is not None and b is not None and abs(a - b) < 1e-4 * max(abs(a), abs(b)))
