"""Several devices, several architectures in a launch, and lowering for other platforms."""

import os
import subprocess
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import ntknas
from ntknas.engine import gram_of, many_grams, seed_inputs
from ntknas.images import load_images, scoring_batch
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import live_operations
from tests.engine.tiny import TINY

CLEAN = replace(TINY, batches=(Batch.CLEAN,))
CODES = ("333333", "014133", "243102", "111111")

# Devices are fixed when a process starts, hence one of its own.
SHARDED = """
import sys
from dataclasses import replace
import jax
import ntknas
from ntknas.kernel import Batch
from tests.engine.tiny import TINY

CLEAN = replace(TINY, batches=(Batch.CLEAN,))
assert jax.local_device_count() == 3
ntknas.score(sys.argv[1], out=sys.argv[2], spec=CLEAN)
"""


def test_three_devices_give_the_tables_of_one(tmp_path):
    archs = "3,700,9930,15000,15624"  # the last launch leaves a device idle
    one = ntknas.score(archs, out=tmp_path / "one", spec=CLEAN).table()
    flags = "--xla_force_host_platform_device_count=3"
    subprocess.run(
        [sys.executable, "-c", SHARDED, archs, str(tmp_path / "three")],
        env=os.environ | {"XLA_FLAGS": flags},
        check=True,
    )
    three = ntknas.Run(tmp_path / "three").table()
    assert three["id"].tolist() == one["id"].tolist()
    for name in ("cond", "lambda_min", "lambda_max"):
        np.testing.assert_allclose(three[name], one[name], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_several_architectures_in_a_launch():
    network = NetworkSpec(channels=4, cells=1, norm=Norm.IMAGE)
    spec = ScoringSpec(batch_size=4, batches=(Batch.CLEAN,), network=network).compiled
    inputs = seed_inputs(spec, scoring_batch(load_images(), 4, seed=0), 0)
    rhos = jnp.zeros(0, inputs.images.dtype)
    codes = [live_operations(ntknas.Architecture.from_code(code)) for code in CODES]
    ops, devices = jnp.asarray(np.array(codes, np.int32)), tuple(jax.local_devices())
    found = many_grams(ops, inputs, rhos, spec=spec, devices=devices)
    for one, grams in zip(codes, found.whole, strict=True):
        expected = gram_of(jnp.asarray(one), inputs, rhos, spec=spec).whole
        np.testing.assert_allclose(
            grams, expected, rtol=1e-9, atol=1e-10 * float(abs(expected).max())
        )


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_the_program_lowers_for_every_platform(platform):
    """No back end's own code: needs none of these devices."""
    inputs = seed_inputs(TINY, scoring_batch(load_images(), TINY.batch_size, seed=0), 0)
    rhos = jnp.array(TINY.rhos)
    program = jax.jit(lambda ops, inputs, rhos: gram_of(ops, inputs, rhos, spec=TINY.compiled))
    exported = export.export(program, platforms=[platform])(jnp.zeros(6, jnp.int32), inputs, rhos)
    assert exported.platforms == (platform,)
