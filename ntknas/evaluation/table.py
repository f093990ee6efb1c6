"""`ScoreTable`: scores of architectures with what ranking them takes.

A run and the precomputed table know their search space, which architectures are constant, and how
they are written out. A frame knows its space if it came from a run (`frame.attrs["space"]`); any
other frame holds architectures of one's own, of which nothing is assumed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ntknas import ranking
from ntknas.errors import InputError
from ntknas.ranking.orientation import check_scores
from ntknas.runs import Precomputed, Run
from ntknas.scores import RankSum, ScoreKind, ScoreName, score_names
from ntknas.spaces import NASBENCH201, Architecture, Label

__all__ = ["DEFAULT_RANKING", "ScoreTable", "Scores", "score_table"]

Scores = Run | Precomputed | pd.DataFrame
"""What functions of this room take: a run, the precomputed table, or a frame of scores."""

DEFAULT_RANKING = RankSum.parse(
    "sphericity@clean+live_params+mean_depth+depth_3x3+plain_depth_3x3+direct+pool_paths"
)
"""Ranks summed; which scores was chosen on a fifth of NAS-Bench-201 (docs/results)."""


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores by architecture.

    Attributes:
        frame: Index of labels, one column per score.
        names: The column of each score, by its name as a value.
        constant: Labels of architectures whose output never depends on the input.
        strings: The architectures written out, by label.
    """

    frame: pd.DataFrame
    names: dict[ScoreName, str]
    constant: tuple[Label, ...]
    strings: dict[Label, str]

    def resolve(self, name: str | RankSum) -> RankSum:
        """A score or a sum, each part as the table has it.

        Args:
            name: A name, such as "cond@robust:0.0313725+params", or "default".

        Returns:
            The sum with each part spelt as its column is, such as "cond@robust:8/255+params".

        Raises:
            InputError: If the name is none, or the table does not hold it.
        """
        if isinstance(name, str):
            if name == "default":
                return self.default
            name = RankSum.parse(name)
        return RankSum(tuple(self._held(term) for term in name.terms), name.signs)

    def _held(self, wanted: ScoreName) -> ScoreName:
        """The table's spelling of a name; radii and betas match to four digits."""
        for name in self.names:
            if name.same(wanted):
                return name
        if wanted.score in score_names(ScoreKind.PROXY):
            raise InputError(f"no score {wanted} here: the run was made without zero-cost proxies")
        kernels = {name.kernel_text for name in self.names} - {""}
        if wanted.kernel is not None and kernels:
            raise InputError(
                f"no score {wanted} here; the kernels are {', '.join(sorted(kernels))}"
            )
        raise InputError(f"no score {wanted} here; there are: {', '.join(self.names.values())}")

    @property
    def default(self) -> RankSum:
        """The ranking by default.

        It is `DEFAULT_RANKING`, of the clean kernel or of the first if there is none. Where the
        counts of its graph are missing, as in spaces of one's own, it is sphericity and the number
        of parameters, as far as they are there; that sum was not tested.

        Raises:
            InputError: If there is no kernel.
        """
        found = [name for name in self.names if name.score == "sphericity"]
        if not found:
            raise InputError(
                f"expected a score to rank by; there are: {', '.join(self.names.values())}"
            )
        clean = [name for name in found if name.kernel_text == "clean"]
        terms = [(clean or found)[0], *DEFAULT_RANKING.terms[1:]]
        if set(terms) <= set(self.names):
            return RankSum(tuple(terms))
        params = ScoreName("params")
        return RankSum((terms[0], params) if params in self.names else (terms[0],))

    def values(self, names: Iterable[RankSum]) -> pd.DataFrame:
        """Scores and sums as columns, as they are: not turned by their direction.

        Args:
            names: Scores or sums as the table has them.

        Returns:
            One column per name, named by its text. Of a sum it holds the sum of ranks, each divided
            by their number.
        """
        return pd.DataFrame(
            {
                str(name): self.frame[self.names[name.single]]
                if name.single
                else ranking.combine(self.frame, **self.ranked(name))
                for name in names
            },
            index=self.frame.index,
        )

    def ranked(self, name: RankSum) -> dict[str, Any]:
        """A sum as arguments of the room `ranking`.

        Args:
            name: A score or a sum as the table has it.

        Returns:
            Names of columns, their directions, and the labels that come last.
        """
        columns = [self.names[term] for term in name.terms]
        directions = {
            self.names[term]: sign * term.direction
            for term, sign in zip(name.terms, name.signs, strict=True)
        }
        return {"directions": directions, "names": columns, "worst": self.constant}


def score_table(scores: Scores, *, space: str | None = None) -> ScoreTable:
    """Scores with what ranking them takes; counts of the graph and sizes are added to a frame.

    Args:
        scores: A run, the precomputed table, or a frame: index of labels, one column per score.
        space: For a frame, the space that its labels belong to; None asks the frame.

    Raises:
        InputError: If the frame cannot be used.

    Example:
        >>> frame = pd.DataFrame({"cond@clean": [9.0, 12.0]}, index=["small", "large"])
        >>> score_table(frame).constant
        ()
    """
    if isinstance(scores, pd.DataFrame):
        check_scores(scores)
        space = space or scores.attrs.get("space")
        if space == NASBENCH201.name:
            return _of_nasbench201(scores)
        strings = {label: str(label) for label in scores.index.tolist()}
        return ScoreTable(scores, _names(scores), (), strings)
    if not isinstance(scores, (Run, Precomputed)):
        raise InputError(
            "expected a run (ntknas.Run(folder)), the precomputed table or a frame of scores, "
            f"got {type(scores).__name__}"
        )
    frame = scores.scores()
    return ScoreTable(frame, _names(frame), tuple(scores.constant_ids()), dict(scores.strings))


def _of_nasbench201(frame: pd.DataFrame) -> ScoreTable:
    """A frame of ids of NAS-Bench-201, with the counts that it lacks."""
    cells = [Architecture.from_id(index) for index in frame.index]
    counted = (*score_names(ScoreKind.GRAPH), *score_names(ScoreKind.SIZE))
    if not set(counted) <= set(frame.columns):
        added = pd.DataFrame([NASBENCH201.counts(cell, {}) for cell in cells], index=frame.index)
        frame = frame.join(added[[name for name in added if name not in frame]])
    constant = tuple(cell.id for cell in cells if cell.is_constant)
    return ScoreTable(frame, _names(frame), constant, {cell.id: cell.string for cell in cells})


def _names(frame: pd.DataFrame) -> dict[ScoreName, str]:
    return {ScoreName.parse(str(column)): str(column) for column in frame.columns}
