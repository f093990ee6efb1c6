"""What a search algorithm is: a Protocol (ask, tell), the registry, and the loop around them.

A search proposes architectures of a space and is told their values. Values are what is maximised;
a score whose direction is -1 is turned round before it is told.
"""

import inspect
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ntknas.errors import InputError, shorten
from ntknas.registry import Registry
from ntknas.spaces import Candidate, Space

__all__ = ["SEARCHES", "Evaluation", "Objective", "Search", "best", "check_settings", "search"]

Objective = Callable[[Sequence[Any]], Sequence[Any]]
"""From architectures to one value per architecture; higher is better. With several objectives, a
value is a tuple."""


class Evaluation(NamedTuple):
    """One query of a search.

    Attributes:
        architecture: The architecture.
        value: Its value; higher is better. With several objectives, its value of the first.
        values: Its values of several objectives; empty if there is one.
    """

    architecture: Candidate
    value: float
    values: tuple[float, ...] = ()


class Search(Protocol):
    """A search algorithm: one file, and an entry of `SEARCHES`.

    It is made from a space and a generator of random numbers, and never asks twice for
    architectures that compute the same, unless its setting `repeats` is on. Its other settings are
    keyword arguments with defaults. A class whose attribute `several` is True takes several
    objectives.
    """

    def ask(self, count: int) -> list[Any]:
        """The next architectures to evaluate.

        Args:
            count: The most that are wanted.

        Returns:
            At most `count` architectures; none if the search has come to its end.
        """
        ...

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take note of values.

        Args:
            evaluations: What was asked for, with its values. Before the first `ask`, these may be
                architectures that the search did not ask for.
        """
        ...


SEARCHES: Registry[Callable[..., Search]] = Registry(
    "search",
    {
        "random": "ntknas.search.random_search:RandomSearch",
        "local": "ntknas.search.local_search:LocalSearch",
        "evolution": "ntknas.search.evolution:Evolution",
        "bananas": "ntknas.search.bananas:Bananas",
        "nsga2": "ntknas.search.nsga2:NSGA2",
        "tpe": "ntknas.search.optuna_search:TPE",
        "gp": "ntknas.search.optuna_search:GP",
        "guided": "ntknas.search.guided:Guided",
        "ranked": "ntknas.search.ranked_search:RankedSearch",
    },
)
"""Search algorithms by name."""


def search(
    algorithm: str,
    space: Space[Any],
    objective: Objective,
    *,
    queries: int,
    seed: int = 0,
    batch: int = 1,
    seconds: float | None = None,
    start: Sequence[Any] = (),
    history: Sequence[Evaluation] = (),
    on_query: Callable[[list[Evaluation]], None] | None = None,
    **settings: Any,
) -> list[Evaluation]:
    """Search a space for architectures of high value.

    Args:
        algorithm: Name of a member of `SEARCHES`.
        space: The space.
        objective: From architectures to values; higher is better.
        queries: The most architectures to evaluate.
        seed: Seed of the search.
        batch: The most architectures to ask for at a time.
        seconds: Time after which no more architectures are asked for; None means no limit. At least
            one batch is evaluated.
        start: Architectures to evaluate before those that the algorithm asks for, such as the top
            of a ranking (`ranked_architectures`). They count as queries.
        history: Queries of an earlier search with the same arguments, which is continued: they are
            told again instead of being evaluated again.
        on_query: Function that is called after each batch with all queries so far.
        **settings: Settings of the algorithm, such as population=100.

    Returns:
        Every query in order; fewer than `queries` if the search came to its end before.

    Raises:
        InputError: For an unknown algorithm or setting, a budget that allows no query, values that
            cannot be compared, or a history of another search.

    Example:
        >>> from ntknas.spaces import Family
        >>> space = Family("numbers", dict, {"x": range(10)})
        >>> value = lambda members: [-abs(m.choices["x"] - 7) for m in members]
        >>> queries = search("local", space, value, queries=10)
        >>> best(queries).architecture.id
        'x7'
        >>> search("local", space, value, queries=10, history=queries[:4]) == queries
        True
    """
    for name, number in (("queries", queries), ("batch", batch)):
        if number < 1:
            raise InputError(f"expected {name} of at least 1, got {number}")
    if seconds is not None and not seconds > 0:
        raise InputError(f"expected seconds above 0, got {seconds}")
    make = SEARCHES[algorithm]
    check_settings(algorithm, settings)
    searcher = make(space, np.random.default_rng(seed), **settings)
    several = bool(getattr(make, "several", False))
    begun = time.monotonic()
    found: list[Evaluation] = []
    before = _first(space, start)
    while len(found) < queries:
        if seconds is not None and found and time.monotonic() - begun >= seconds:
            break
        most = min(batch, queries - len(found))
        asked, before = (before[:most], before[most:]) if before else (searcher.ask(most), [])
        if not asked:
            break
        known = list(history[len(found) : len(found) + len(asked)])
        _check_history(known, asked, len(found))
        new = known + _evaluate(objective, asked[len(known) :], algorithm, several)
        searcher.tell(new)
        found += new
        if on_query is not None and len(found) > len(history):
            on_query(found)
    return found


def best(history: Iterable[Evaluation]) -> Evaluation:
    """The query of the highest value, the first of equal ones.

    Args:
        history: Queries of a search, at least one.

    Raises:
        InputError: If there is no query.
    """
    queries = list(history)
    if not queries:
        raise InputError("expected at least one query, got none")
    return max(queries, key=lambda query: query.value)


def check_settings(algorithm: str, settings: Mapping[str, Any]) -> None:
    """Raise InputError for settings that an algorithm does not have, or for one that is missing.

    Args:
        algorithm: Name of a member of `SEARCHES`.
        settings: Settings by name.
    """
    parameters = list(inspect.signature(SEARCHES[algorithm]).parameters.values())[2:]
    names = [parameter.name for parameter in parameters]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    for name in settings:
        if name not in names:
            raise InputError(
                f"expected a setting of {algorithm}: {', '.join(names) or 'it has none'}; "
                f"got {name!r}"
            )
    for parameter in parameters:
        if parameter.default is parameter.empty and parameter.name not in settings:
            raise InputError(f"expected {parameter.name} for the search {algorithm}, got none")


def _first(space: Space[Any], start: Sequence[Any]) -> list[Any]:
    """The representatives of the architectures to begin with, each once."""
    unique = [space.representative(architecture) for architecture in start]
    return list({architecture.id: architecture for architecture in unique}.values())


def _check_history(known: Sequence[Evaluation], asked: Sequence[Any], number: int) -> None:
    """Raise InputError if stored queries are not what the search asks for."""
    for offset, (query, architecture) in enumerate(zip(known, asked, strict=False)):
        if query.architecture != architecture:
            raise InputError(
                f"expected the history of this search: query {number + offset + 1} is "
                f"{architecture.id}, but the history has {query.architecture.id}; "
                "algorithm, seed, start or settings differ"
            )


def _evaluate(
    objective: Objective, asked: Sequence[Any], algorithm: str, several: bool
) -> list[Evaluation]:
    """Evaluate architectures, and check that their values can be compared."""
    if not asked:
        return []
    answers = list(objective(asked))
    if len(answers) != len(asked):
        raise InputError(f"expected {len(asked)} values of the objective, got {len(answers)}")
    return [
        _evaluation(architecture, answer, algorithm, several)
        for architecture, answer in zip(asked, answers, strict=True)
    ]


def _evaluation(architecture: Any, answer: Any, algorithm: str, several: bool) -> Evaluation:
    """One query, checked."""
    try:
        if isinstance(answer, (tuple, list, np.ndarray)):
            values = tuple(float(value) for value in answer)
        else:
            values = (float(answer),)
    except (TypeError, ValueError):
        values = ()
    if not values or any(math.isnan(value) for value in values):
        raise InputError(
            f"expected a number as the value of {architecture.id}, got {shorten(repr(answer))}"
        )
    if len(values) == 1:
        return Evaluation(architecture, values[0])
    if not several:
        raise InputError(
            f"expected one value per architecture for {algorithm}, got {len(values)}; nsga2 takes "
            "several"
        )
    return Evaluation(architecture, values[0], values)
