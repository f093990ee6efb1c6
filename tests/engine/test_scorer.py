"""A session compiles and draws weights once, and gives the kernels that runs hold."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import ntknas
from ntknas.engine import PROGRAMS, Scorer, branches, fit_spec, gram_of
from ntknas.errors import InputError
from ntknas.images import ImageSet, load_images
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.runs import PRESETS, ScoringSpec
from ntknas.spaces import NASBENCH201, Family
from ntknas.spaces.nasbench201 import Architecture, architectures
from tests.engine.tiny import CLEAN, CONSTANT, NOT_REPRESENTATIVE, TINY, programs

IDS = [NOT_REPRESENTATIVE, CONSTANT]
OWN = Family("own", dict, {"depth": (1, 2)})


@pytest.fixture
def drawn(monkeypatch):
    """Seeds whose weights were drawn since."""
    seeds = []

    def seed_inputs(spec, batch, seed):
        seeds.append(seed)
        return original(spec, batch, seed)

    original = branches.seed_inputs
    monkeypatch.setattr(branches, "seed_inputs", seed_inputs)
    return seeds


def test_asked_twice_it_compiles_and_draws_weights_once(drawn):
    program: Any = gram_of  # jax.jit's cache is not in its published type
    program.clear_cache()
    scorer = Scorer(TINY)
    assert drawn == []
    with programs() as compiled:
        first = scorer(IDS)
        again = scorer([*IDS[::-1], 5])
    assert compiled.count("jit(gram_of)") == 1
    assert drawn == [0, 1]
    np.testing.assert_array_equal(again.gram[:2], first.gram[::-1])


def test_its_matrices_are_those_of_the_run(run):
    scorer = Scorer(TINY)
    assert scorer.spec == run.spec
    for seed, batch in enumerate(scorer.batches):
        assert batch.indices.tolist() == run.indices(seed).tolist()
    joint = scorer(IDS)
    assert joint.gram.shape == (2, 2, 2, 18, 18)
    for position, index in enumerate(IDS):
        for seed in range(2):
            for place, rho in enumerate(TINY.rhos):
                stored, computed = (
                    run.kernels(index, rho=rho, seed=seed),
                    joint[position, seed, place],
                )
                np.testing.assert_array_equal(computed.gram, stored.gram)
                assert computed.batches == stored.batches
                assert computed.epsilon == stored.epsilon


def test_what_it_says_of_each_architecture(run):
    chosen = architectures(IDS)
    table = run.table().set_index("id")
    for architecture, scored in zip(chosen, Scorer(TINY).stream(chosen), strict=True):
        assert scored.architecture == architecture
        assert scored.gram.gram.shape == (2, 2, 18, 18)
        assert scored.proxies == []
        assert scored.counts == NASBENCH201.counts(architecture, TINY.sizes)
        assert scored.counts["params"] == table.loc[architecture.id, "params"].iloc[0]
        assert scored.seconds > 0
        assert scored.dtype == np.float32
        # Its entries are those of the arithmetic, so that storing them loses nothing.
        assert (scored.gram.gram == scored.gram.gram.astype(np.float32)).all()


def test_a_stream_computes_what_is_asked_for(drawn):
    assert list(Scorer(TINY).stream([])) == []
    assert drawn == []
    stream = Scorer(CLEAN, executor="serial").stream(architectures("5,7,9"))
    assert drawn == []
    assert [next(stream).architecture.id, next(stream).architecture.id] == [5, 7]
    stream.close()


def test_executors_give_the_same_bits():
    grams = [Scorer(CLEAN, executor=name)("random:5").gram for name in ("serial", "threads")]
    np.testing.assert_array_equal(grams[0], grams[1])


def test_a_run_takes_a_session(run, tmp_path):
    scorer = Scorer(TINY)
    first = ntknas.score(IDS[0], out=tmp_path, scorer=scorer)
    grown = ntknas.score(IDS, out=tmp_path, scorer=scorer)
    assert first.ids == grown.ids == sorted(IDS)
    table = run.table()
    expected = table[table["id"].isin(IDS)].reset_index(drop=True)
    assert_frame_equal(grown.table(), expected, check_exact=True)
    for extra in ({"spec": TINY}, {"images": load_images()}, {"space": OWN}):
        with pytest.raises(InputError, match="^expected either a scorer or spec, images, space"):
            ntknas.score(IDS, out=tmp_path, scorer=scorer, **extra)


@pytest.mark.slow
def test_scoring_again_under_the_same_settings_keeps_the_session(drawn):
    spec = replace(CLEAN, batch_size=5)
    ntknas.score(5, spec=spec)
    ntknas.score([5, 7], spec=replace(spec))
    assert drawn == [0]
    sample = load_images()
    other = ImageSet(
        "cifar10", sample.pixels[::2], sample.labels[::2], sample.indices[::2], "half the sample"
    )
    run = ntknas.score(5, spec=spec, images=other)
    assert drawn == [0, 0]
    assert run.spec.images_sha256 == other.sha256


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_arithmetic_is_that_in_force(drawn):
    spec = replace(CLEAN, batch_size=3)
    joint = Scorer(spec)(5)
    assert joint.epsilon == np.finfo(np.float64).eps
    assert ntknas.score(5, spec=spec).meta["dtype"] == "float64"


def test_settings_by_default():
    assert Scorer().spec == fit_spec(PRESETS["standard"], load_images())
    own = Scorer(space=OWN).spec
    assert (own.space, own.network, own.coupled, own.attack_norm) == ("own", None, True, None)
    assert (own.batch_size, own.batches) == (16, (Batch.CLEAN,))


def test_settings_of_a_network_are_left_behind_in_another_space():
    spec = replace(TINY, seeds=3, rhos=(0.1,))
    own = Scorer(spec, space=OWN).spec
    expected = ScoringSpec(
        space="own",
        network=None,
        coupled=True,
        batch_size=6,
        seeds=3,
        rhos=(0.1,),
        attack=TINY.attack,
    )
    assert own == fit_spec(expected, load_images())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"program": "x"}, "^expected program to be one of branches, bundles, static, got 'x'$"),
        ({"program": "branches", "space": OWN}, "^the program branches is NAS-Bench-201's"),
        (
            {"spec": ScoringSpec(space="own", network=None, coupled=True)},
            "^expected settings for the space nasbench201, got own$",
        ),
        ({"spec": replace(TINY, zero_cost=True), "space": OWN}, "^zero_cost is a setting of NAS-"),
        ({"spec": replace(TINY, batch_size=321)}, "321"),
        ({"spec": replace(CLEAN, zero_cost=True), "program": "static"}, "^the program static"),
        ({"spec": replace(CLEAN, parameters="weights"), "program": "static"}, "^the program stat"),
        ({"spec": replace(TINY, attack_norm=Norm.BATCH), "program": "static"}, "^the program sta"),
    ],
)
def test_what_does_not_fit(arguments, message):
    with pytest.raises(InputError, match=message):
        Scorer(**arguments)([0])
    assert list(PROGRAMS) == ["branches", "bundles", "static"]


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("norm", "batches", "code"),
    [
        pytest.param(Norm.BATCH, (Batch.CLEAN,), "300230", marks=pytest.mark.slow),
        (Norm.BATCH, (Batch.CLEAN,), "003030"),  # constant: a bias behind zeros
        pytest.param(Norm.IMAGE, (Batch.CLEAN, Batch.ATTACKED), "001200", marks=pytest.mark.slow),
    ],
)
def test_both_programs_give_the_same_kernels_of_a_cell(norm, batches, code):
    """The static one has the layers of the cell alone, those on dead edges too."""
    network = NetworkSpec(channels=4, cells=1, norm=norm)
    spec = ScoringSpec(
        batch_size=3, network=network, batches=batches, rhos=(8 / 255,), attack=TINY.attack
    )
    cell = Architecture.from_code(code)
    (found,), (expected,) = (
        list(Scorer(spec, program=program).stream([cell])) for program in ("static", "branches")
    )
    assert found.counts == expected.counts
    ours, theirs = found.gram.gram, expected.gram.gram
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9 * abs(theirs).max())
