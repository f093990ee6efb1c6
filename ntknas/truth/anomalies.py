"""Anomalies of a table of accuracies, computed from its values.

Each attack is compared with a stronger one. Attacks from weak to strong are: no attack, a one-step
attack, an iterated attack, an adaptive attack. A white-box attack is stronger than a black-box
attack, and a larger radius is stronger than a smaller one. If the accuracy rises from an attack to
a stronger one, the stronger attack did worse. That is a warning sign (Carlini et al., On evaluating
adversarial robustness, 2019), but where both accuracies are close it also happens by chance.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd

from ntknas.spaces.nasbench201 import Architecture
from ntknas.spaces.space import Label
from ntknas.truth.names import CHANCE

__all__ = ["Anomaly", "find_anomalies"]

# Published values carry float32 rounding, about 1e-8; one image is at least 1e-5.
_TOLERANCE = 1e-6

# Pairs (weaker, stronger) of attacks at the same radius.
_STRONGER = (("fgsm", "pgd"), ("pgd", "apgd"), ("square", "apgd"), ("pgd", "autoattack"))


@dataclass(frozen=True)
class Anomaly:
    """One kind of anomaly in one place.

    Attributes:
        place: Data set and metric, or another part of the table.
        problem: Description of the anomaly.
        count: Number of architectures that show the anomaly.
        worst: Id of the most extreme architecture, or the smallest id if none is more extreme than
            the others.
    """

    place: str
    problem: str
    count: int
    worst: Label

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}: {self.count}, e.g. architecture {self.worst}"


def _attack(metric: str) -> tuple[str, float | None]:
    """Attack and radius (or severity) of a metric; the radius is None if the name has none."""
    if metric == "autoattack":
        return metric, 8.0  # NAS-RobBench-201 ran it at 8/255 only
    match = re.fullmatch(r"([a-z]+)_([0-9.]+)", metric)
    return (match[1], float(match[2])) if match else (metric, None)


def _steps(metrics: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of metrics whose second accuracy should not be above the first."""
    for metric in metrics:
        if metric != "clean" and "clean" in metrics:
            yield "clean", metric
    attacks = {_attack(metric): metric for metric in metrics}
    for weaker, stronger in _STRONGER:
        for name, radius in attacks:
            if name == weaker and (stronger, radius) in attacks:
                yield attacks[name, radius], attacks[stronger, radius]
    for name in dict.fromkeys(name for name, _ in attacks):
        radii = sorted(radius for other, radius in attacks if other == name and radius is not None)
        for smaller, larger in pairwise(radii):
            yield attacks[name, smaller], attacks[name, larger]


def _extremes(place: str, problem: str, excess: pd.Series) -> Iterator[Anomaly]:
    """An anomaly if any excess is above the tolerance; its `worst` has the largest excess."""
    odd = excess[excess > _TOLERANCE]
    if len(odd):
        yield Anomaly(place, problem, len(odd), odd.index.tolist()[int(odd.to_numpy().argmax())])


def _of_values(dataset: str, rows: pd.DataFrame) -> Iterator[Anomaly]:
    """Anomalies of the values of one data set."""
    frame = rows.pivot(index="architecture", columns="metric", values="value")
    metrics = list(rows["metric"].unique())
    for metric in metrics:
        place, column = f"{dataset} {metric}", frame[metric]
        present = rows.loc[rows["metric"] == metric, "architecture"]
        missing = frame.index.difference(pd.Index(present)).tolist()
        if missing:
            yield Anomaly(place, "no value", len(missing), missing[0])
        not_numbers = column.index[column.isna()].difference(pd.Index(missing)).tolist()
        if not_numbers:
            yield Anomaly(place, "not a number", len(not_numbers), not_numbers[0])
        yield from _extremes(place, "outside [0, 1]", (column - 0.5).abs() - 0.5)
        if dataset in CHANCE:
            coarse = (column.dropna() == column.dropna().round(3)).all()
            chance = round(CHANCE[dataset], 3) if coarse else CHANCE[dataset]
            yield from _extremes(place, f"below chance ({chance:.4g})", chance - column)
    for weaker, stronger in _steps(metrics):
        excess = frame[stronger] - frame[weaker]
        yield from _extremes(f"{dataset} {stronger}", f"above {weaker}", excess)


def find_anomalies(
    table: pd.DataFrame, representative_of: Mapping[Any, Any], *, of_nasbench201: bool = True
) -> list[Anomaly]:
    """The anomalies of a table of accuracies and its isomorphism map.

    Per data set and metric, these are missing values, NaN, values outside [0, 1] or below chance,
    and accuracies that rise under a stronger attack or a larger radius. Over the whole table, these
    are architectures with identical rows, ids that refer to an architecture without values, and
    references that disagree with NAS-Bench-201's classes. Differences up to 1e-6 are rounding and
    do not count. In a column of three decimal places, chance is rounded to three places as well.

    Args:
        table: Accuracies in the form of `Truth.table`.
        representative_of: Id that has the values of each id, as in `Truth.representative_of`.
        of_nasbench201: Whether the labels are ids of NAS-Bench-201.

    Returns:
        The anomalies; an empty list if there are none.

    Example:
        >>> columns = ["architecture", "dataset", "metric", "value"]
        >>> rows = [(0, "cifar10", "clean", 0.5), (0, "cifar10", "fgsm_3", 0.6)]
        >>> print(find_anomalies(pd.DataFrame(rows, columns=columns), {0: 0})[0])
        cifar10 fgsm_3: above clean: 1, e.g. architecture 0
    """
    anomalies: list[Anomaly] = []
    for dataset in table["dataset"].unique():
        anomalies += _of_values(dataset, table[table["dataset"] == dataset])
    whole = table.pivot(index="architecture", columns=["dataset", "metric"], values="value")
    twins = whole.index[whole.duplicated(keep=False)].tolist()
    if twins:
        anomalies.append(Anomaly("whole rows", "identical to another row", len(twins), twins[0]))
    trained = set(whole.index)
    orphans = sorted(index for index, end in representative_of.items() if end not in trained)
    if orphans:
        problem = "refer to an architecture without values"
        anomalies.append(Anomaly("isomorphs", problem, len(orphans), orphans[0]))
    strangers = sorted(
        index
        for index, end in representative_of.items()
        if of_nasbench201 and Architecture.from_id(index).representative.id != end
    )
    if strangers:
        problem = "not the representative of NAS-Bench-201's classes"
        anomalies.append(Anomaly("isomorphs", problem, len(strangers), strangers[0]))
    return anomalies
