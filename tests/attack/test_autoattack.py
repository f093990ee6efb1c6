"""AutoAttack as one traced function: the first of four attacks that breaks an image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.attack import ATTACKS, AttackSpec, autoattack
from ntknas.attack.losses import is_wrong
from tests.attack.models import LABELS, curved, draws

IMAGES, _, WEIGHTS = draws()
TRUTH = jnp.asarray(LABELS)
KEY = jax.random.key(0)


def logits(images):
    return curved(WEIGHTS, images)


def test_components_are_those_of_the_standard_version():
    spec = AttackSpec("autoattack")
    assert [(c.name, c.steps) for c in spec.components] == [
        ("apgd-ce", 100),
        ("apgd-t", 100),
        ("fab-t", 100),
        ("square", 5000),
    ]
    assert [c.steps for c in AttackSpec("autoattack", 10).components] == [10, 10, 10, 500]
    assert AttackSpec().components == (AttackSpec(),)


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.2, 0.01])
def test_breaks_what_any_of_them_breaks_and_leaves_the_rest(rho):
    spec = AttackSpec("autoattack", 4)
    found = jax.jit(lambda x: autoattack(KEY, logits, x, TRUTH, rho=rho, spec=spec))(IMAGES)
    clean, wrong = np.asarray(is_wrong(logits(IMAGES), TRUTH)), is_wrong(logits(found), TRUTH)
    some = clean.copy()
    for number, component in enumerate(spec.components):
        key = jax.random.fold_in(KEY, number)
        new = ATTACKS[component.name](key, logits, IMAGES, TRUTH, rho=rho, spec=component)
        some |= np.asarray(is_wrong(logits(new), TRUTH))
    np.testing.assert_array_equal(wrong, some)
    untouched = clean | ~np.asarray(wrong)
    np.testing.assert_array_equal(found[untouched], IMAGES[untouched])
