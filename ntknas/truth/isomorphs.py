"""Isomorphism maps: from every architecture id to the id that was trained in its place.

The benchmarks trained one cell of each class of isomorphic cells; the other ids refer to it.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ntknas.errors import InputError
from ntknas.spaces.nasbench201 import NUM_ARCHITECTURES, Architecture, architectures

__all__ = ["own_map", "parse_id", "read_meta", "resolve"]


def parse_id(key: object, where: str) -> int:
    """The architecture id in a JSON key or value.

    Args:
        key: Id as a text of digits, or as an integer.
        where: Place to name in error messages.

    Returns:
        An id in 0..15624.

    Raises:
        InputError: If `key` is not such an id.

    Example:
        >>> parse_id("5605", "acc.json")
        5605
    """
    text = str(key)
    if isinstance(key, bool) or not re.fullmatch(r"[0-9]{1,9}", text):
        raise InputError(f"expected an architecture id in {where}, got {key!r:.80}")
    index = int(text)
    if index >= NUM_ARCHITECTURES:
        raise InputError(
            f"expected architecture ids in 0..{NUM_ARCHITECTURES - 1} in {where}, got {index}"
        )
    return index


def resolve(references: Mapping[int, int], ends: set[int], where: str) -> dict[int, int]:
    """Follow references, over any number of steps, to the ids where they end.

    Args:
        references: Id that each id refers to.
        ends: Ids where a chain of references may end.
        where: Place to name in error messages.

    Returns:
        The id in `ends` that each id in `references` or `ends` leads to.

    Raises:
        InputError: If a chain leads to an unknown id or in a circle.

    Example:
        >>> resolve({4: 3, 3: 1}, {1}, "acc.json")
        {1: 1, 4: 1, 3: 1}
    """
    end_of = {index: index for index in sorted(ends)}
    for start in references:
        chain = [start]
        while chain[-1] not in ends:
            following = references.get(chain[-1])
            if following is None:
                raise InputError(
                    f"architecture {start} in {where} refers to {chain[-1]}, which is missing"
                )
            if following in chain:
                raise InputError(f"architecture {start} in {where} refers to itself in a circle")
            chain.append(following)
        end_of[start] = chain[-1]
    return end_of


def read_meta(meta: Any, where: Path) -> dict[int, int]:
    """The isomorphism map of a released `meta.json`.

    Args:
        meta: Parsed object of the form `{"ids": {id: {"nb201-string": string, "isomorph": id}}}`.
        where: File to name in error messages.

    Returns:
        The representative of each id.

    Raises:
        InputError: If `meta` has another structure, or an id stands for another cell than in
            NAS-Bench-201's list.
    """
    entries = meta.get("ids") if isinstance(meta, dict) else None
    if not isinstance(entries, dict) or not entries:
        raise InputError(f"expected an object 'ids' of architectures in {where}, got none")
    references = {}
    for key, entry in entries.items():
        index = parse_id(key, str(where))
        if not isinstance(entry, dict) or "isomorph" not in entry:
            raise InputError(f"expected an 'isomorph' for architecture {index} in {where}")
        references[index] = parse_id(entry["isomorph"], str(where))
        string = entry.get("nb201-string")
        if string is not None and string != Architecture.from_id(index).string:
            raise InputError(
                f"architecture {index} is {string!r} in {where}, but "
                f"{Architecture.from_id(index).string!r} in NAS-Bench-201"
            )
    ends = {index for index, target in references.items() if index == target}
    return resolve(references, ends, str(where))


def own_map(trained: Iterable[int]) -> dict[int, int]:
    """The isomorphism map of NAS-Bench-201's classes, for benchmarks whose own map is missing.

    Args:
        trained: Ids that have values.

    Returns:
        The representative of each id whose class representative has values; ids that have values
        map to themselves.

    Example:
        >>> len(own_map([10]))
        225
    """
    has_values = set(trained)
    representative_of = {}
    for architecture in architectures("every"):
        representative = architecture.representative.id
        if representative in has_values:
            representative_of[architecture.id] = representative
    return representative_of | {index: index for index in has_values}
