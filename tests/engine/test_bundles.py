"""Bundles give the kernels of the program with branches, however architectures are packed."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from ntknas.attack import AttackSpec
from ntknas.engine import (
    BundleProgram,
    Scorer,
    bundle_capacities,
    bundle_grams,
    bundle_size,
    gram_of,
    pack,
    seed_inputs,
    unstacked,
)
from ntknas.errors import InputError
from ntknas.images import load_images, scoring_batch
from ntknas.kernel import Batch, Logits
from ntknas.layers import Norm
from ntknas.network import NetworkSpec, part_names, route
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture, architectures, live_operations

# Every operation, a constant network with a bias behind zeros, and one of skips alone.
CODES = ("333333", "014133", "243102", "111111", "003003")
CELLS = [live_operations(Architecture.from_code(code)) for code in CODES]
ATTACK = AttackSpec(steps=2)


def setting(norm, batches=(Batch.CLEAN,), **changes):
    network = NetworkSpec(channels=2, cells=2, norm=norm)
    spec = ScoringSpec(
        batch_size=2,
        batches=batches,
        network=network,
        attack=ATTACK,
        rhos=(4 / 255, 8 / 255),
        parts="layers",
    )
    return replace(spec, **changes)


def inputs_of(spec):
    inputs = seed_inputs(spec, scoring_batch(load_images(), spec.batch_size, seed=0), 0)
    return inputs, jnp.array(spec.rhos, inputs.images.dtype)


def bundled(spec, cells, size, capacities, **options):
    inputs, rhos = inputs_of(spec)
    edges = route(cells, size, capacities, inputs.images.dtype.name)
    edges = jax.tree.map(lambda array: array[None], edges)
    devices = tuple(jax.local_devices())[:1]
    options |= {"spec": spec.compiled, "size": size, "devices": devices}
    found = bundle_grams(edges, inputs, rhos, **options)
    return unstacked(jax.tree.map(lambda a: np.asarray(a[0]), found), size)


def assert_same(found, expected):
    """The same whole kernel, layer cosine kernel and parts, up to rounding."""
    assert list(found.parts) == list(expected.parts) == list(part_names("layers"))
    assert found.whole.shape == expected.whole.shape
    tolerance = {"rtol": 1e-9, "atol": 1e-11 * float(abs(expected.whole).max())}
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


def check(spec, **options):
    """Every architecture of a bundle with two free places has the matrices of `gram_of`."""
    inputs, rhos = inputs_of(spec)
    found = bundled(spec, CELLS, 7, ((2, 3, 2),) * 6, **options)
    assert len(found) == 7
    for ops, grams in zip(CELLS, found, strict=False):
        assert_same(grams, gram_of(jnp.asarray(ops), inputs, rhos, spec=spec.compiled))


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.IMAGE])
def test_clean_kernels_are_those_of_branches(norm):
    check(setting(norm))


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_weight_gradients_by_image_are_those_of_the_batch():
    check(setting(Norm.BATCH), weight_gradients="image")


MODES = {
    "batch": setting(Norm.BATCH, tuple(Batch)),
    "image": setting(Norm.IMAGE, tuple(Batch)),
    "fgsm": setting(Norm.BATCH, (Batch.ATTACKED,), attack=AttackSpec("fgsm")),
    "frozen attack": setting(
        Norm.IMAGE, (Batch.CLEAN, Batch.TWICE_ATTACKED), attack_norm=Norm.FROZEN
    ),
    "frozen": setting(Norm.FROZEN),
    "none": setting(Norm.NONE),
    "batch trace": setting(Norm.BATCH, logits=Logits.TRACE),
    "image trace weights": setting(Norm.IMAGE, logits=Logits.TRACE, parameters="weights"),
    "batch weights": setting(Norm.BATCH, parameters="weights"),
    "one image": setting(Norm.BATCH, batch_size=1),
}


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("spec", MODES.values(), ids=MODES)
def test_every_mode_is_that_of_branches(spec):
    check(spec)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_results_do_not_depend_on_the_packing():
    spec = setting(Norm.IMAGE, network=NetworkSpec(channels=2, cells=1, norm=Norm.IMAGE))
    batches = [scoring_batch(load_images(), 2, seed=0)]
    cells = architectures("random:9:1")
    whole = BundleProgram(spec, batches, size=3)
    assert whole.launch_size == 24
    together = whole.grams(cells)
    reversed_order = whole.grams(cells[::-1])[::-1]
    alone = [whole.grams([cell])[0] for cell in cells[:3]]
    inputs, rhos = inputs_of(spec)
    branches = [
        jax.tree.map(
            lambda a: np.asarray(a)[None],
            gram_of(jnp.array(live_operations(cell)), inputs, rhos, spec=spec.compiled),
        )
        for cell in cells
    ]
    pairs = [
        *zip(together, reversed_order, strict=True),
        *zip(together, branches, strict=True),
        *zip(alone, together, strict=False),
    ]
    for first, second in pairs:
        assert first.whole.shape == (1, 1, 2, 2)
        assert_same(first, second)


@pytest.mark.slow
def test_a_session_takes_the_program_by_name():
    spec = ScoringSpec(
        batch_size=2,
        batches=(Batch.CLEAN,),
        seeds=2,
        network=NetworkSpec(channels=2, cells=1, norm=Norm.IMAGE),
    )
    ids = [0, 5, 9930, 15624]
    bundles, branches = (Scorer(spec, program=name)(ids) for name in ("bundles", "branches"))
    assert bundles.gram.shape == branches.gram.shape == (4, 2, 1, 2, 2)
    np.testing.assert_allclose(bundles.gram, branches.gram, rtol=1e-4)
    assert Scorer(spec).program_name == "branches"  # tests run on CPUs


@pytest.mark.parametrize("size", [1, 2, 16, 32])
def test_packing_keeps_to_the_capacities(size):
    cells = [live_operations(cell) for cell in architectures("random:400")]
    capacities = bundle_capacities(size)
    bundles = pack(cells, size, capacities)
    assert sorted(position for bundle in bundles for position in bundle) == list(range(400))
    for bundle in bundles:
        assert 1 <= len(bundle) <= size
        route([cells[position] for position in bundle], size, capacities, "float32")
    if size == 32:
        assert len(bundles) <= 1.15 * 400 / 32  # nearly full
    assert pack(cells, size, capacities) == bundles


@pytest.mark.parametrize("size", [16, 32, 128])
def test_the_whole_space_fills_its_bundles_with_few_sizes_of_convolutions(size):
    cells = [live_operations(cell) for cell in architectures("random:6466")]
    capacities = bundle_capacities(size)
    bundles = len(pack(cells, size, capacities))
    assert bundles <= 1.03 * 6466 / size
    convolutions = np.array(capacities)[:, :2]
    assert len(np.unique(convolutions)) == 2
    needed = sum(ops.count(2) + ops.count(3) for ops in cells)
    assert bundles * convolutions.sum() <= 1.26 * needed


def test_equal_cells_still_fit():
    bundles = pack([(3,) * 6] * 5, 4, ((2, 2, 2),) * 6)
    assert bundles == [[0, 1], [2, 3], [4]]
    assert pack([(3,) * 6] * 5, 4, bundle_capacities(4))  # every capacity is at least 1


def test_what_does_not_fit_is_one_line():
    with pytest.raises(InputError, match="expected at most 1 architectures with operation 3 on ed"):
        route([(3,) * 6] * 2, 2, ((1, 1, 1),) * 6, "float32")
    with pytest.raises(InputError, match="expected at most 1 architectures in a bundle, got 2"):
        route([(3,) * 6] * 2, 1, ((2, 2, 2),) * 6, "float32")
    with pytest.raises(InputError, match="at least 1 architecture, got 0"):
        bundle_capacities(0)


def test_the_size_of_a_bundle_follows_the_memory():
    device = jax.devices()[0]
    coupled, per_image = setting(Norm.BATCH), setting(Norm.IMAGE)
    published = ScoringSpec(batch_size=16, batches=(Batch.CLEAN,))
    assert bundle_size(per_image, device) == 128
    assert 1 <= bundle_size(published, device) < bundle_size(coupled, device) <= 128


@pytest.mark.parametrize("platform", ["cuda", pytest.param("tpu", marks=pytest.mark.slow)])
def test_the_program_lowers_for_accelerators(platform):
    spec = setting(Norm.BATCH, tuple(Batch))
    inputs, rhos = inputs_of(spec)
    edges = route(CELLS, 7, ((2, 3, 2),) * 6, "float32")
    edges = jax.tree.map(lambda array: array[None], edges)
    devices = tuple(jax.local_devices())[:1]

    @jax.jit
    def program(edges, inputs, rhos):
        return bundle_grams(edges, inputs, rhos, spec=spec.compiled, size=7, devices=devices)

    exported = export.export(program, platforms=[platform])(edges, inputs, rhos)
    assert exported.platforms == (platform,)
