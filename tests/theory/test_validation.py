"""Kernels and errors of several draws at once."""

from dataclasses import replace
from typing import Any, cast

import jax
import numpy as np
import pytest

from ntknas.attack import AttackSpec
from ntknas.errors import InputError
from ntknas.theory import measure, sphere_task
from ntknas.theory.validation import _draws
from ntknas.training import TrainingSpec
from tests.tolerances import TOLERANCES

ATTACK = AttackSpec(steps=2)
TRAINING = TrainingSpec(steps=40, batch_size=8, attack=ATTACK, test_attack=ATTACK)


def program_count() -> int:
    return cast(Any, _draws)._cache_size()


@pytest.fixture(scope="module")
def tasks():
    return [sphere_task(4, num_train=16, num_test=50, margin=0.2, seed=seed) for seed in (0, 1)]


def test_draws_skips_beta_and_rho_share_one_program(tasks, spec):
    def found(spec, tasks=tasks, **change):
        options: dict[str, Any] = {
            "beta": 0.5,
            "rho": 0.05,
            "training": TRAINING,
            "attack": ATTACK,
        } | change
        return measure(spec, tasks, **options)

    base = found(spec)
    programs = program_count()
    assert base.blocks.gram.shape == (2, 48, 48)
    assert base.clean_errors.shape == base.robust_errors.shape == base.train_errors.shape == (2,)
    assert (base.robust_errors >= base.clean_errors).all()
    assert (base.clean_errors < 0.4).all()
    # beta is of the loss alone, rho of attacked images too, skips of everything.
    other = found(spec, beta=0.0)
    np.testing.assert_array_equal(other.blocks.gram, base.blocks.gram)
    calm = found(spec, rho=0.0)
    np.testing.assert_array_equal(calm.clean_errors, calm.robust_errors)
    rtol = TOLERANCES["float32"]["rtol"]
    np.testing.assert_allclose(calm.blocks.robust, base.blocks.clean, rtol=rtol)
    plain = found(replace(spec, skips=(0,)))
    assert not np.allclose(plain.blocks.clean, base.blocks.clean, rtol=0.1)
    assert program_count() == programs


def test_tasks_of_one_size(tasks, spec):
    longer = sphere_task(4, num_train=17, num_test=50, seed=0)
    with pytest.raises(InputError, match="expected tasks of one size, got 2 sizes"):
        measure(spec, [*tasks, longer], beta=0.0, rho=0.0, training=TRAINING)
    with pytest.raises(InputError, match="got 0 sizes"):
        measure(spec, [], beta=0.0, rho=0.0, training=TRAINING)
    with pytest.raises(InputError, match="expected one key per task, got 1 for 2"):
        measure(spec, tasks, beta=0.0, rho=0.0, training=TRAINING, keys=jax.random.key(0)[None])
