"""Taps: the identity forward, a gradient of their own backward."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.network import Network, NetworkSpec, initial_variables, random_taps
from ntknas.network.taps import tapped
from tests.kernel.models import ARCH, CLASSES, draws, quick_jit
from tests.tolerances import TOLERANCES

SPEC = NetworkSpec(channels=2, cells=2, classes=CLASSES, image_size=8)


def test_a_tap_swaps_gradients():
    x, tap = jnp.array([1.0, 2.0, 3.0]), jnp.array([1.0, -1.0, 1.0])
    value, pull_back = jax.vjp(lambda x, tap: 5 * tapped(2 * x, tap), x, tap)
    np.testing.assert_array_equal(value, 10 * x)
    sent, arrived = pull_back(jnp.array([1.0, 2.0, 4.0]))
    np.testing.assert_array_equal(sent, 2 * tap)
    np.testing.assert_array_equal(arrived, [5.0, 10.0, 20.0])


@pytest.mark.slow
def test_taps_stand_behind_every_block():
    taps = random_taps(SPEC, 3, jax.random.key(0), jnp.float32)
    assert {float(v) for v in np.unique(np.asarray(taps.blocks()[0]))} == {-1.0, 1.0}
    variables = jax.tree.map(jnp.asarray, initial_variables(SPEC, 0))
    images = jnp.zeros((3, 8, 8, 3))
    run = partial(Network(SPEC).apply, variables, method="watch")
    _, shown = jax.eval_shape(run, images, jnp.array(ARCH.ops), None, taps)
    assert [block.shape for block in shown.blocks] == [tap.shape for tap in taps.blocks()]
    assert len(shown.blocks) == 1 + 3 * SPEC.cells + 2


@pytest.mark.slow
def test_taps_change_no_logits(float64):
    images, _ = draws(3)
    variables = jax.tree.map(lambda x: jnp.asarray(x, images.dtype), initial_variables(SPEC, 0))
    taps = random_taps(SPEC, len(images), jax.random.key(0), images.dtype)
    run = quick_jit(
        lambda taps: Network(SPEC).apply(
            variables, images, jnp.array(ARCH.ops), None, taps, method="watch"
        )
    )
    (logits, shown), (plain, same) = run(taps), run(None)
    np.testing.assert_allclose(logits, plain, **TOLERANCES["float64"])
    for ours, theirs in zip(shown.blocks, same.blocks, strict=True):
        np.testing.assert_allclose(ours, theirs, **TOLERANCES["float64"])
    # Features are what stands behind the stem, the two reductions and the last cell.
    places = (0, 1 + SPEC.cells, 2 + 2 * SPEC.cells, -1)
    for place, features in zip(places, shown.features[:4], strict=True):
        np.testing.assert_allclose(shown.blocks[place], features, **TOLERANCES["float64"])
