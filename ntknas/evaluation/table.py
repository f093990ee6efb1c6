"""`ScoreTable`: scores of architectures, with the facts that are needed to rank them.

A run, the precomputed table and a file of scores know their search space, which architectures are
constant, and the text of each architecture. A frame records its search space if it came from a run
(`frame.attrs["space"]`). Nothing is assumed about the architectures of other frames.
"""

import fnmatch
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ntknas import ranking
from ntknas.errors import InputError
from ntknas.evaluation.rankings import RANKINGS
from ntknas.ranking.orientation import check_scores
from ntknas.rooms import advice
from ntknas.runs import Precomputed, Run
from ntknas.scores import RankSum, ScoreKind, ScoreName, score_names
from ntknas.spaces import NASBENCH201, Architecture, Label

__all__ = ["ScoreTable", "Scores", "score_table"]


@dataclass(frozen=True, eq=False, repr=False)
class ScoreTable:
    """Scores by architecture.

    Attributes:
        frame: Scores, one row per architecture (its label is the index) and one column per score.
        names: Column of each score, by its `ScoreName`.
        constant: Labels of the architectures whose output never depends on the input.
        strings: Architectures as text, by label.
        name: Where the scores come from, for messages.
        dataset: Data set of the images that the scores were computed on; None if it is not known.
        of_file: Columns that a file of scores holds; the others were added. Empty for other
            tables.
        source: What the scores were read from, if it knows them draw by draw.
        rows: Table of the run that `frame` averages, so that its draws need not be read again.
    """

    frame: pd.DataFrame
    names: dict[ScoreName, str]
    constant: tuple[Label, ...]
    strings: dict[Label, str]
    name: str = "a frame of scores"
    dataset: str | None = None
    of_file: tuple[str, ...] = ()
    source: Run | Precomputed | None = None
    rows: pd.DataFrame | None = None

    @cached_property
    def draws(self) -> list[pd.DataFrame]:
        """The scores of each draw of weights and images alone; empty if there is only one."""
        if self.source is None or self.source.spec.seeds == 1:
            return []
        if isinstance(self.source, Run):
            return self.source.scores_by_draw(self.rows)
        return self.source.scores_by_draw()

    def __repr__(self) -> str:
        rows, columns = self.frame.shape
        return f"ScoreTable({self.name!r}, {rows} architectures, {columns} scores)"

    def resolve(self, name: str | RankSum) -> RankSum:
        """A score or a sum of ranks, with the names of scores as the table spells them.

        Args:
            name: Name such as "cond@robust:0.0313725+params", or that of a ranking (`RANKINGS`),
                such as "default".

        Returns:
            The sum, with each name spelt as its column. The name in the example above becomes
            "cond@robust:8/255+params".

        Raises:
            InputError: If the name is not valid, the table lacks a score, or a sum contains a score
                with both signs.
        """
        if isinstance(name, str):
            if name == "default":
                return self.default
            name = self._of_kernel(name) if name in RANKINGS else RankSum.parse(name)
        terms = tuple(self._held(term) for term in name.terms)
        signs = dict(zip(terms, name.signs, strict=True))
        for term, sign in zip(terms, name.signs, strict=True):
            if sign != signs[term]:
                raise InputError(f"expected {term} in {name} with one sign, got + and -")
        return RankSum(terms, name.signs)

    def matching(self, names: Sequence[str]) -> list[str]:
        """Names of scores, in which an asterisk or a question mark stands for any characters.

        Args:
            names: Names of scores, or patterns of names in the form of `fnmatch`.

        Returns:
            The names, in the order of the table for each pattern, and each once.

        Raises:
            InputError: If a pattern matches no score.

        Example:
            >>> frame = pd.DataFrame({"cond@clean": [9.0], "mean@clean": [2.0], "params": [3]})
            >>> score_table(frame).matching(["params", "*@clean"])
            ['params', 'cond@clean', 'mean@clean']
        """
        found: list[str] = []
        for name in names:
            held = fnmatch.filter(self.names.values(), name) if set("*?") & set(name) else [name]
            if not held:
                raise InputError(
                    f"expected a pattern that a score matches, got {name!r}; there are: "
                    f"{', '.join(self.names.values())}"
                )
            found += held
        return list(dict.fromkeys(found))

    def _held(self, wanted: ScoreName) -> ScoreName:
        """The name of a score as the table spells it; radii and betas match to four digits."""
        for name in self.names:
            if name.same(wanted):
                return name
        if wanted.score in score_names(ScoreKind.PROXY) and not self.of_file:
            held = [str(name) for name in self.names if name.score in score_names(ScoreKind.PROXY)]
            without = f"has only the zero-cost proxies {', '.join(held)}"
            reason = without if held else "was made without zero-cost proxies"
            raise InputError(f"no score {wanted} here: the run {reason}")
        kernels = {name.kernel_text for name in self.names} - {""}
        if wanted.kernel is not None and kernels:
            raise InputError(
                f"no score {wanted} here; the kernels are {', '.join(sorted(kernels))}"
            )
        held = list(self.names.values())
        raise InputError(
            f"no score {wanted} here; there are: {', '.join(held)}{advice(str(wanted), held)}"
        )

    @property
    def default(self) -> RankSum:
        """The default ranking.

        It is the ranking "default" of `RANKINGS`, with the scores of the clean kernel, or of the
        first kernel if there is no clean one. Where its scores are missing, it is "default_1", the
        ranking of version 0.1, whose runs lack them. If counts of the graph are missing, as in
        spaces of your own, it is `layer_cosine_lambda_min` (or `sphericity`) and, if it is known,
        the number of parameters. That sum was not tested. A file with a single score is ranked by
        this score.

        Raises:
            InputError: If there is no score of a kernel to rank by.
        """
        for name in ("default", "default_1"):
            ranking = self._of_kernel(name)
            if set(ranking.terms) <= set(self.names):
                return ranking
        for score in ("layer_cosine_lambda_min", "sphericity"):
            kernels = [name for name in self.names if name.score == score and not name.part]
            if kernels:
                clean = [name for name in kernels if name.kernel_text == "clean"]
                params = [ScoreName("params")] if ScoreName("params") in self.names else []
                return RankSum(((clean or kernels)[0], *params))
        if len(self.of_file) == 1:
            return RankSum.parse(self.of_file[0])
        raise InputError(
            f"expected a score to rank by; there are: {', '.join(self.names.values())}"
        )

    def _of_kernel(self, name: str) -> RankSum:
        """A named ranking, of the first kernel if the table has no clean one."""
        formula = RANKINGS[name].formula
        kernels = [held for held in self.names if held.kernel is not None and not held.part]
        if not kernels or any(held.kernel_text == "clean" for held in kernels):
            return formula
        first = kernels[0]
        terms = tuple(
            term
            if term.kernel is None
            else replace(term, kernel=first.kernel, rho=first.rho, beta=first.beta)
            for term in formula.terms
        )
        return RankSum(terms, formula.signs)

    def values(self, names: Iterable[RankSum]) -> pd.DataFrame:
        """Scores and sums of ranks as columns, not multiplied by their direction.

        Args:
            names: Names of scores or sums, as the table spells them.

        Returns:
            A table with one column per name. The column of a sum holds the sum of ranks, each
            divided by the number of ranked architectures.
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

    def raw(self, names: Iterable[RankSum]) -> list[str]:
        """The scores and sums that contain only counts, in which constant networks are not last.

        Args:
            names: Names of scores or sums, as the table spells them.

        Returns:
            The names that contain only counts, as texts.
        """
        return [str(n) for n in names if {term.score for term in n.terms} <= set(ranking.RAW)]

    def ranked(self, name: RankSum) -> dict[str, Any]:
        """A score or sum as keyword arguments for the functions of `ntknas.ranking`.

        Args:
            name: Name of a score or sum, as the table spells it.

        Returns:
            The names of the columns, their directions, and the labels of constant networks.
        """
        columns = [self.names[term] for term in name.terms]
        directions = {
            self.names[term]: sign * term.direction
            for term, sign in zip(name.terms, name.signs, strict=True)
        }
        return {"directions": directions, "names": columns, "worst": self.constant}


Scores = Run | Precomputed | pd.DataFrame | ScoreTable | str | os.PathLike[str]
"""The forms of scores that this subpackage accepts: a run, its folder, the precomputed table, a
frame, or a `ScoreTable`, which is not read again."""


def score_table(scores: Scores, *, space: str | None = None) -> ScoreTable:
    """Scores with the facts that are needed to rank the architectures.

    If the labels of a frame are ids of NAS-Bench-201, counts of the graph and sizes are added.

    Args:
        scores: Run, its folder, precomputed table, or frame of scores with labels of architectures
            as its index and one column per score. A `ScoreTable` is returned as it is.
        space: Search space of the labels of a frame; None means the one that the frame records.

    Raises:
        InputError: If `scores` has none of these forms, or a frame cannot be used.

    Example:
        >>> frame = pd.DataFrame({"cond@clean": [9.0, 12.0]}, index=["small", "large"])
        >>> score_table(frame).constant
        ()
    """
    if isinstance(scores, ScoreTable):
        return scores
    if isinstance(scores, (str, os.PathLike)):
        scores = Run(Path(scores))
    if isinstance(scores, pd.DataFrame):
        check_scores(scores)
        space = space or scores.attrs.get("space")
        if space == NASBENCH201.name:
            return _of_nasbench201(scores)
        strings = {label: str(label) for label in scores.index.tolist()}
        return ScoreTable(scores, _names(scores), (), strings)
    if not isinstance(scores, (Run, Precomputed)):
        raise InputError(
            "expected a run, its folder, the precomputed table or a frame of scores, "
            f"got {type(scores).__name__}"
        )
    rows = scores.table() if isinstance(scores, Run) else None
    frame = scores.scores(rows) if isinstance(scores, Run) else scores.scores()
    written_out: dict[Label, str] = dict(scores.strings.items())
    constant, dataset = tuple(scores.constant_ids()), scores.spec.dataset
    return ScoreTable(
        frame, _names(frame), constant, written_out, scores.name, dataset, source=scores, rows=rows
    )


def _of_nasbench201(frame: pd.DataFrame) -> ScoreTable:
    """The table for a frame of ids of NAS-Bench-201, with missing counts added."""
    labels = frame.index.tolist()
    if isinstance(labels[0], str):
        raise InputError(f"expected ids of NAS-Bench-201 as the index of scores, got {labels[0]!r}")
    cells = [Architecture.from_id(label) for label in labels]
    counted = (*score_names(ScoreKind.GRAPH), *score_names(ScoreKind.SIZE))
    if not set(counted) <= set(frame.columns):
        added = pd.DataFrame([NASBENCH201.counts(cell, {}) for cell in cells], index=frame.index)
        frame = frame.join(added[[name for name in added if name not in frame]])
    constant = tuple(cell.id for cell in cells if cell.is_constant)
    return ScoreTable(frame, _names(frame), constant, {cell.id: cell.string for cell in cells})


def _names(frame: pd.DataFrame) -> dict[ScoreName, str]:
    """The column of each score, by the parsed name."""
    return {ScoreName.parse(str(column)): str(column) for column in frame.columns}
