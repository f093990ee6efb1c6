"""A space of named choices: labels, selections, samples, neighbours, and every mistake."""

from dataclasses import dataclass

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.spaces import Candidate, Family, Member

CHOICES = {"depth": (1, 2), "width": (8, 16, 32)}


@dataclass
class Network:
    """A network that only knows its choices."""

    depth: int
    width: int

    def init(self, key, images):
        return {}

    def apply(self, variables, images):
        return images


@pytest.fixture
def space():
    return Family("mlp", Network, CHOICES)


@pytest.fixture
def numbered():
    """Labels are whole numbers; width 32 computes what width 16 does."""
    return Family(
        "numbered",
        Network,
        CHOICES,
        label=lambda depth, width: 100 * depth + width,
        unique=lambda depth, width: {"width": min(width, 16), "depth": depth},
    )


def labels(members):
    return [member.id for member in members]


def test_all_is_every_combination_in_order(space):
    every = space.parse("all")
    assert labels(every) == [f"depth{d}_width{w}" for d in (1, 2) for w in (8, 16, 32)]
    assert len(space) == len(set(every)) == 6
    assert repr(space) == "Family('mlp', 6 architectures)"


def test_a_member_is_its_family_and_label(space, numbered):
    member = space.member(width=16, depth=2)
    assert isinstance(member, Candidate)
    assert member == space.parse("depth2_width16")[0]
    assert hash(member) == hash(space.parse("depth2_width16")[0])
    assert member.string == "depth=2, width=16"
    assert not member.is_constant
    other = Family("other", Network, CHOICES).member(depth=2, width=16)
    assert member != other
    assert other.id == member.id


def test_selections_drop_duplicates_and_keep_order(numbered):
    first, second = numbered.parse("208, 116,208")
    assert (first.choices, second.choices) == ({"depth": 2, "width": 8}, {"depth": 1, "width": 16})
    assert numbered.parse(208) == numbered.parse(np.int64(208)) == numbered.parse(" 208 ")
    assert numbered.parse([116, "208", first, [second]]) == [second, first]
    assert numbered.parse(np.array([208, 116])) == [first, second]
    assert numbered.parse("all")[:1] == numbered.parse(["108", 108])


def test_samples_of_one_seed_begin_alike(space):
    drawn = space.sample(6, 3)
    assert sorted(labels(drawn)) == sorted(labels(space.parse("all")))
    assert drawn[:2] == space.sample(2, 3) == space.parse("random:2:3")
    assert space.parse("random:4") == space.sample(4, 0)
    order = np.random.default_rng(3).permutation(6)
    assert drawn == [space.parse("all")[i] for i in order]
    assert any(space.sample(6, seed) != drawn for seed in range(3))


def test_neighbours_differ_in_one_choice_and_know_each_other(space):
    for member in space.parse("all"):
        around = space.neighbours(member)
        assert len(set(around)) == len(around) == 1 + 2
        for other in around:
            changed = [n for n in CHOICES if member.choices[n] != other.choices[n]]
            assert len(changed) == 1
            assert member in space.neighbours(other)


def test_representatives_stand_for_what_computes_the_same(space, numbered):
    wide = numbered.member(depth=1, width=32)
    assert numbered.representative(wide) == numbered.member(depth=1, width=16)
    for member in numbered.parse("all"):
        once = numbered.representative(member)
        assert numbered.representative(once) == once
    # Without a label of its own the order of the choices that `unique` gives does not matter.
    turned = Family(
        "mlp", Network, CHOICES, unique=lambda depth, width: {"width": 8, "depth": depth}
    )
    assert turned.representative(turned.member(depth=2, width=32)).id == "depth2_width8"
    member = space.member(depth=1, width=32)
    assert space.representative(member) is member


def test_networks_are_built_from_the_choices(space):
    member = space.member(depth=2, width=8)
    assert space.build(member) == Network(depth=2, width=8)
    assert space.counts(member, {"channels": 16}) == {}


def test_default_labels_have_no_commas():
    space = Family("shapes", dict, {"shape": ((1, 2), (3, 4))})
    first, second = space.parse("all")
    assert "," not in str(first.id)
    assert space.parse(f"{first.id},{second.id}") == [first, second]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "a label of mlp .depth1_width8, depth1_width16, depth1_width32, ...., got ''"),
        ("depth3_width8", "got 'depth3_width8'"),
        ("depth1_width8,,depth1_width16", "got ''"),
        (7, "expected a label of mlp .*, got 7"),
        ("7", "expected a label of mlp .*, got 7"),
        ("random:0", "expected 1 to 6 architectures to sample, got 0"),
        ("random:7", "expected 1 to 6 architectures to sample, got 7"),
        ("random:", "random:COUNT:SEED with whole numbers, got 'random:'"),
        ("random:2:-1", "random:COUNT:SEED with whole numbers"),
        ([], "at least one architecture, got an empty list"),
        ([True], "got True"),
        (2.0, "got 2.0"),
        (None, "got None"),
        ({"depth": 1}, "got {'depth': 1}"),
        (b"all", "got b'all'"),
        (Member("other", "depth9", {}), "got 'depth9'"),
    ],
)
def test_bad_selections(space, spec, message):
    with pytest.raises(InputError, match=message) as caught:
        space.parse(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"depth": 1}, "depth, width, got .*depth"),
        ({}, "depth, width, got"),
        ({"depth": 1, "width": 8, "skip": 1}, "got .*depth, width, skip"),
        ({"depth": 3, "width": 8}, "expected depth .*1, 2, got 3"),
    ],
)
def test_bad_choices(space, choices, message):
    with pytest.raises(InputError, match=message):
        space.member(**choices)


@pytest.mark.parametrize(
    ("choices", "label", "message"),
    [
        ({}, None, "expected values to choose from for every name"),
        ({"depth": ()}, None, "expected values to choose from for every name"),
        ({"depth": (1, 1)}, None, "got 'depth1' twice"),
        (CHOICES, lambda depth, width: depth, "got 1 twice"),
        (CHOICES, lambda depth, width: f"{depth},{width}", "texts without commas, got '1,8'"),
        (CHOICES, lambda depth, width: depth / width, "got 0.125"),
        (CHOICES, lambda depth, width: depth > 1, "got False"),
    ],
)
def test_bad_spaces(choices, label, message):
    with pytest.raises(InputError, match=message):
        Family("bad", dict, choices, label=label)
