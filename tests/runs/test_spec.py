"""A spec has one spelling, survives JSON, names what differs, and refuses what cannot be."""

import json
import math
from dataclasses import fields, replace

import pytest
from hypothesis import given, strategies as st

from ntknas.attack import ATTACKS, AttackSpec, settings_of
from ntknas.errors import InputError
from ntknas.kernel import Batch, KernelName, Logits
from ntknas.layers import Norm
from ntknas.network import Init, NetworkSpec
from ntknas.runs import ScoringSpec
from ntknas.runs.migrations import SCHEMA
from ntknas.scores import ScoreKind, score_names

# The type checks of the test run pick items at random, which Hypothesis notices.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

PROXIES = score_names(ScoreKind.PROXY)
fraction = st.floats(0, 1)
channel_values = st.tuples(*[st.floats(0.01, 1)] * 3)

networks = st.builds(
    NetworkSpec,
    channels=st.integers(1, 64),
    cells=st.integers(1, 9),
    classes=st.integers(1, 1000),
    image_size=st.integers(1, 16).map(lambda n: 4 * n),
    norm=st.sampled_from([norm for norm in Norm if norm is not Norm.NONE]),
    init=st.sampled_from(Init),
    mean=channel_values,
    std=channel_values,
)
attacks = st.builds(
    AttackSpec,
    name=st.sampled_from([name for name in ATTACKS if settings_of(name).in_kernels]),
    steps=st.integers(1, 50),
    step_size=st.none() | st.floats(1e-6, 1),
    random_start=st.booleans(),
    restarts=st.integers(1, 3),
)
shared = {
    "dataset": st.sampled_from(["cifar10", "cifar100", "imagenet16"]),
    "images_sha256": st.text("0123456789abcdef", max_size=64),
    "batch_size": st.integers(1, 500),
    "balance": st.sampled_from(["near", "exact"]),
    "seeds": st.integers(1, 9),
    "attack": attacks,
    "batches": st.lists(st.sampled_from(Batch), min_size=1, max_size=5).map(tuple),
    "rhos": st.lists(fraction, min_size=1, max_size=4).map(tuple),
    "betas": st.lists(fraction, max_size=4).map(tuple),
    "logits": st.sampled_from(Logits),
}
specs = st.builds(
    ScoringSpec,
    network=networks,
    attack_norm=st.sampled_from([None, Norm.BATCH, Norm.IMAGE, Norm.FROZEN]),
    parameters=st.sampled_from(["all", "weights"]),
    zero_cost=st.booleans() | st.lists(st.sampled_from(PROXIES), max_size=12).map(tuple),
    **shared,
) | st.builds(
    ScoringSpec,
    space=st.sampled_from(["small_cnn", "networks"]),
    network=st.none(),
    coupled=st.booleans(),
    **shared,
)
OWN = ScoringSpec(space="small_cnn", network=None, coupled=True)


@given(specs)
def test_json_gives_the_spec_back(spec):
    again = ScoringSpec.from_json(spec.to_json())
    assert again == spec
    assert hash(again) == hash(spec)
    assert again.to_json() == spec.to_json()
    assert [type(getattr(again, f.name)) for f in fields(spec)] == [
        type(getattr(spec, f.name)) for f in fields(spec)
    ]
    assert spec.differences(again) == []


@given(specs)
def test_making_a_spec_of_a_spec_changes_nothing(spec):
    assert replace(spec) == spec


@given(specs, specs)
def test_differences_are_named_if_and_only_if_there_are_some(one, other):
    assert (one.differences(other) == []) == (one == other)
    assert len(one.differences(other)) == len(other.differences(one))


@given(specs)
def test_kernel_rows_are_the_kernels_that_the_batches_make(spec):
    rows = spec.kernel_rows()
    made = [kernel for kernel in KernelName if set(kernel.batches) <= set(spec.batches)]
    count = {
        kernel: 1
        if kernel is KernelName.CLEAN
        else len(spec.rhos) * (len(spec.betas) if kernel.mixed else 1)
        for kernel in made
    }
    assert len(rows) == len(set(rows)) == sum(count.values())
    assert list(dict.fromkeys(kernel for kernel, _, _ in rows)) == [k for k in made if count[k]]
    for kernel, rho, beta in rows:
        assert (rho is None) == (kernel is KernelName.CLEAN)
        assert (beta is None) == (not kernel.mixed)


@given(specs)
def test_a_compiled_program_depends_on_no_data(spec):
    other = replace(
        spec, images_sha256="ab", seeds=9, rhos=tuple(r / 2 for r in spec.rhos), betas=(0.125,)
    )
    assert other.compiled == spec.compiled == spec.compiled.compiled
    assert replace(spec, batch_size=spec.batch_size + 1).compiled != spec.compiled


def test_kernel_rows_of_the_default_in_table_order():
    low, high = 3 / 255, 8 / 255
    mixed = [(rho, beta) for rho in (low, high) for beta in (0.0, 0.5, 1.0)]
    assert ScoringSpec().kernel_rows() == [
        (KernelName.CLEAN, None, None),
        *((KernelName.ROBUST, rho, None) for rho in (low, high)),
        *((KernelName.TWICE, rho, None) for rho in (low, high)),
        *((KernelName.MIXED_CLEAN, rho, beta) for rho, beta in mixed),
        *((KernelName.MIXED_ROBUST, rho, beta) for rho, beta in mixed),
    ]
    assert ScoringSpec(rhos=(low,)).kernel_rows((0.25,))[3:] == [
        (KernelName.MIXED_CLEAN, low, 0.25),
        (KernelName.MIXED_ROBUST, low, 0.25),
    ]


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (
            {"batches": (Batch.TWICE_ATTACKED, Batch.CLEAN)},
            {"batches": (Batch.CLEAN, Batch.TWICE_ATTACKED)},
        ),
        ({"batches": (Batch.ATTACKED, Batch.ATTACKED)}, {"batches": (Batch.ATTACKED,)}),
        ({"rhos": (8 / 255, 3 / 255, 8 / 255)}, {"rhos": (3 / 255, 8 / 255)}),
        ({"rhos": (0.0, 1.0)}, {"rhos": (1.0, 0.0)}),
        ({"betas": (1.0, 0.5, 0.5)}, {"betas": (0.5, 1.0)}),
        ({"attack_norm": Norm.BATCH}, {"attack_norm": None}),
    ],
)
def test_one_spelling_for_each_meaning(one, same):
    assert ScoringSpec(**one) == ScoringSpec(**same)
    assert ScoringSpec(**one).to_json() == ScoringSpec(**same).to_json()


def test_clean_kernels_alone_ignore_the_attack():
    plain = ScoringSpec(batches=(Batch.CLEAN,))
    assert plain == ScoringSpec(
        batches=(Batch.CLEAN,),
        attack=AttackSpec(steps=3),
        attack_norm=Norm.FROZEN,
        rhos=(0.5,),
        betas=(0.1,),
    )
    assert (plain.rhos, plain.betas, plain.attack_norm) == ((), (), Norm.BATCH)


@pytest.mark.parametrize("batches", [(Batch.ATTACKED,), (Batch.CLEAN, Batch.TWICE_ATTACKED)])
def test_batches_that_do_not_mix_ignore_beta(batches):
    assert ScoringSpec(batches=batches, betas=(0.3,)) == ScoringSpec(batches=batches)


def test_differences_name_the_setting_and_both_values():
    one = ScoringSpec(images_sha256="a" * 64)
    other = replace(
        one,
        images_sha256="b" * 64,
        rhos=(8 / 255, 0.1),
        betas=(),
        network=NetworkSpec(init=Init.KAIMING),
        attack=AttackSpec(step_size=0.01),
    )
    assert one.differences(other) == [
        "images_sha256: aaaaaaaaaaaa / bbbbbbbbbbbb",
        "network.init: pytorch / kaiming",
        "attack.step_size: None / 0.01",
        "rhos: 3/255,8/255 / 8/255,0.1",
        "betas: 0,0.5,1 / none",
    ]


def test_json_is_sorted_and_holds_every_setting_and_the_schema():
    names = {field.name for field in fields(ScoringSpec)}
    for spec in (ScoringSpec(), ScoringSpec(zero_cost=True), ScoringSpec(zero_cost=("zen",)), OWN):
        values = json.loads(spec.to_json())
        assert list(values) == sorted(names | {"schema"})
        assert values["schema"] == SCHEMA


def test_proxies_are_all_some_or_none():
    some = ScoringSpec(zero_cost=("naswot", "snip", "naswot"))
    assert some.zero_cost == some.proxies == ("snip", "naswot")  # in the order of tables
    assert ScoringSpec(zero_cost=PROXIES[::-1]) == ScoringSpec(zero_cost=True)
    assert ScoringSpec(zero_cost=True).proxies == PROXIES
    assert ScoringSpec(zero_cost=()) == ScoringSpec()
    assert ScoringSpec().proxies == ()
    assert some.compiled == ScoringSpec().compiled
    assert some.differences(ScoringSpec(zero_cost=True)) == ["zero_cost: snip,naswot / True"]
    assert some.differences(ScoringSpec()) == ["zero_cost: snip,naswot / False"]
    assert json.loads(ScoringSpec().to_json())["zero_cost"] is False
    assert json.loads(ScoringSpec(zero_cost=True).to_json())["zero_cost"] == list(PROXIES)


def test_all_proxies_of_an_older_run_are_those_that_there_were():
    """Versions before the rivals wrote true."""
    stored = json.loads(ScoringSpec(zero_cost=True).to_json()) | {"zero_cost": True}
    spec = ScoringSpec.from_json(json.dumps(stored))
    assert spec.proxies == PROXIES[:11]
    assert spec.proxies[-1] == "hessian"
    assert ScoringSpec.from_json(spec.to_json()) == spec
    (difference,) = spec.differences(ScoringSpec(zero_cost=True))
    assert difference == f"zero_cost: {','.join(PROXIES[:11])} / True"


def test_a_space_of_ones_own_says_itself_whether_images_are_coupled():
    assert (OWN.images_coupled, OWN.sizes, OWN.attack_norm) == (True, {}, None)
    assert not replace(OWN, coupled=False).images_coupled
    assert ScoringSpec().images_coupled
    assert not ScoringSpec(network=NetworkSpec(norm=Norm.IMAGE)).images_coupled
    assert ScoringSpec().sizes == {"channels": 16, "cells": 5, "classes": 10, "image_size": 32}
    assert replace(OWN, coupled=False).compiled != OWN.compiled
    assert ScoringSpec(coupled=True) == replace(OWN, space="nasbench201")
    assert ScoringSpec().cell_network == NetworkSpec()
    with pytest.raises(
        InputError, match="^expected settings of NAS-Bench-201, got those of small_"
    ):
        _ = OWN.cell_network
    assert OWN.differences(replace(OWN, space="other", coupled=False)) == [
        "space: small_cnn / other",
        "coupled: True / False",
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"seeds": -1}, "seeds must be at least 1, got -1"),
        ({"balance": "fair"}, "balance must be one of near, exact, got 'fair'"),
        ({"parameters": "some"}, "parameters must be one of all, weights, got 'some'"),
        (
            {"zero_cost": ("snip", "synflo")},
            f"a zero-cost proxy must be one of {', '.join(PROXIES)}, got 'synflo'",
        ),
        ({"batches": ()}, "expected at least one kernel of clean, robust, twice, got none"),
        ({"rhos": ()}, "attacked kernels need at least one rho, got none"),
        ({"rhos": (-0.1,)}, "rho must lie in [0, 1], in pixel units such as 8/255, got -0.1"),
        ({"rhos": (math.inf,)}, "rho must lie in [0, 1], in pixel units such as 8/255, got inf"),
        ({"rhos": (math.nan,)}, "rho must lie in [0, 1], in pixel units such as 8/255, got nan"),
        ({"betas": (1.5,)}, "beta must lie in [0, 1], got 1.5"),
        ({"betas": (math.nan,)}, "beta must lie in [0, 1], got nan"),
        (
            {"attack_norm": Norm.NONE},
            "an attack without normalisation fits only a network without it: "
            "got norm batch and attack norm none",
        ),
        (
            {"attack_norm": Norm.BATCH, "network": NetworkSpec(norm=Norm.NONE)},
            "an attack without normalisation fits only a network without it: "
            "got norm none and attack norm batch",
        ),
        (
            {"network": None},
            "expected either the settings of a network or whether images are coupled, "
            "got network None and coupled None",
        ),
        (
            {"network": None, "coupled": True, "attack_norm": Norm.BATCH},
            "attack_norm is a setting of NAS-Bench-201 networks: expected None, got batch",
        ),
        (
            {"network": None, "coupled": True, "parameters": "weights"},
            "parameters is a setting of NAS-Bench-201 networks: expected all, got weights",
        ),
        (
            {"network": None, "coupled": True, "zero_cost": True},
            "zero_cost is a setting of NAS-Bench-201 networks: expected False, got True",
        ),
    ],
)
def test_what_cannot_be_is_one_line(settings, message):
    with pytest.raises(InputError) as error:
        ScoringSpec(**settings)
    assert str(error.value) == message


def test_settings_from_before_attacks_had_balls_and_restarts_read_the_same():
    spec = ScoringSpec(attack=AttackSpec(steps=7))
    values = json.loads(spec.to_json())
    for name in ("ball", "restarts"):
        del values["attack"][name]
    old = ScoringSpec.from_json(json.dumps(values))
    assert old == spec
    assert old.differences(spec) == []


@pytest.mark.parametrize("name", ["fab-t", "autoattack"])
def test_attacks_that_leave_misclassified_images_are_refused(name):
    with pytest.raises(InputError, match=f"expected an attack of kernels.*{name}"):
        ScoringSpec(attack=AttackSpec(name))
    clean = ScoringSpec(attack=AttackSpec(name), batches=(Batch.CLEAN,))
    assert clean.attack == AttackSpec()
