"""The list, the classes and live edges, against the published files and the original rule."""

import json
import random
from collections import Counter
from itertools import product

import numpy as np
import pytest

from ntknas.spaces.nasbench201 import EDGES, NUM_ARCHITECTURES, OPERATIONS
from ntknas.spaces.nasbench201.cell import Architecture
from ntknas.spaces.nasbench201.listing import (
    class_sizes,
    ids,
    listing,
    live,
    representatives,
    unique_string,
)


def test_constants():
    assert OPERATIONS == ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    assert EDGES == ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    assert NUM_ARCHITECTURES == 15625


def test_listing_equals_the_published_list(data_file):
    text = data_file("robbench/ops.json").read_text()
    published = json.loads(text.removeprefix("arch="))
    assert ["".join(map(str, ops)) for ops in listing()] == published


def test_listing_is_what_the_global_generator_gives():
    random.seed(88)
    cells = list(product(range(5), repeat=6))
    random.shuffle(cells)
    assert listing() == tuple(cells)


def test_ids_invert_the_listing():
    assert len(ids()) == NUM_ARCHITECTURES
    assert all(ids()[ops] == index for index, ops in enumerate(listing()))


def test_representatives_equal_the_published_map(data_file):
    text = data_file("robbench/NAS-RobBench-201_html.json").read_text()
    table = json.loads(text.removeprefix("acc="))
    del table[""]
    for key, entry in table.items():
        expected = int(entry) if isinstance(entry, str) else int(key)
        assert representatives()[int(key)] == expected


def test_there_are_6466_classes_and_five_of_them_constant():
    assert len(set(representatives())) == len(class_sizes()) == 6466
    assert sum(class_sizes().values()) == NUM_ARCHITECTURES
    constant = [index for index, ops in enumerate(listing()) if not any(live(ops))]
    assert len(constant) == 341
    members = Counter(representatives()[index] for index in constant)
    assert members == {10: 225, 12: 29, 74: 29, 172: 29, 879: 29}
    assert all(class_sizes()[index] == size for index, size in members.items())


def test_unique_string_equals_the_original():
    genotypes = pytest.importorskip("xautodl.models.cell_searchs.genotypes")
    for index in np.random.default_rng(0).choice(NUM_ARCHITECTURES, 400, replace=False):
        cell = Architecture.from_id(index)
        original = genotypes.Structure.str2structure(cell.string)
        assert unique_string(cell.ops) == original.to_unique_str(True)
        assert cell.is_constant == (not original.check_valid())


def test_live_equals_enumerating_the_four_paths():
    paths = [(3,), (0, 4), (1, 5), (0, 2, 5)]
    for ops in listing()[::7]:
        alive: set[int] = set()
        for path in paths:
            if all(ops[edge] for edge in path):
                alive.update(path)
        assert live(ops) == tuple(edge in alive for edge in range(6))
