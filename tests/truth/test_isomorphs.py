"""Ids, references and the released map."""

from pathlib import Path

import pytest

from ntknas.errors import InputError
from ntknas.spaces.nasbench201 import Architecture, architectures
from ntknas.spaces.nasbench201.listing import representatives
from ntknas.truth.isomorphs import own_map, parse_id, read_meta, resolve

META = Path("meta.json")


def entry(index: int, isomorph: object) -> dict[str, object]:
    return {"nb201-string": Architecture.from_id(index).string, "isomorph": isomorph}


@pytest.mark.parametrize("key", ["-1", "1.5", "x", "", None, True, 2.0, "15625", "9" * 30])
def test_bad_ids_are_refused(key):
    with pytest.raises(InputError, match="architecture id"):
        parse_id(key, "acc.json")


def test_resolve_follows_chains():
    assert resolve({5: 4, 4: 3, 9: 3}, {3, 1}, "f") == {1: 1, 3: 3, 4: 3, 5: 3, 9: 3}


def test_resolve_refuses_unknown_ids_and_circles():
    with pytest.raises(InputError, match="architecture 5 in f refers to 4, which is missing"):
        resolve({5: 4}, {1}, "f")
    with pytest.raises(InputError, match="architecture 5 in f refers to 7, which is missing"):
        resolve({5: 4, 4: 7}, {1}, "f")
    with pytest.raises(InputError, match="circle"):
        resolve({5: 4, 4: 5}, {1}, "f")
    with pytest.raises(InputError, match="circle"):
        resolve({5: 5}, {1}, "f")


def test_read_meta():
    meta = {"ids": {"10": entry(10, "10"), "1651": entry(1651, "10"), "0": entry(0, 0)}}
    assert read_meta(meta, META) == {10: 10, 1651: 10, 0: 0}


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ([], "'ids'"),
        ({}, "'ids'"),
        ({"ids": {}}, "'ids'"),
        ({"ids": {"x": entry(1, "1")}}, "got 'x'"),
        ({"ids": {"1": {}}}, "'isomorph'"),
        ({"ids": {"1": 1}}, "'isomorph'"),
        ({"ids": {"1": entry(1, "2")}}, "refers to 2, which is missing"),
        ({"ids": {"1": entry(2, "1")}}, "in NAS-Bench-201"),
    ],
)
def test_read_meta_refuses_other_structures(meta, words):
    with pytest.raises(InputError, match=words):
        read_meta(meta, META)


def test_own_map_is_the_search_spaces():
    every = own_map(cell.id for cell in architectures("all"))
    assert len(every) == 15625
    assert every == dict(enumerate(representatives()))
    assert own_map([1651]) == {1651: 1651}
