"""Losses of attacks against their formulas, written out for one image at a time."""

import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.attack.losses import (
    cross_entropy,
    dlr,
    is_wrong,
    log_odds,
    logit_of,
    margin,
    rivals,
    targeted_dlr,
)
from ntknas.errors import InputError
from tests.tolerances import TOLERANCES

LABELS = jnp.array([0, 1, 2, 3, 4, 0])
LOGITS = jnp.asarray(np.random.default_rng(0).normal(size=(6, 5)), jnp.float32)
LOGITS = LOGITS.at[0, 0].set(9)  # right


def by_image(formula):
    return np.array(
        [formula(z, y) for z, y in zip(np.asarray(LOGITS), np.asarray(LABELS), strict=True)]
    )


def test_margin_is_above_zero_where_an_image_is_misclassified():
    expected = by_image(lambda z, y: np.delete(z, y).max() - z[y])
    np.testing.assert_allclose(margin(LOGITS, LABELS), expected, rtol=1e-6)
    np.testing.assert_array_equal(is_wrong(LOGITS, LABELS), expected > 0)
    assert 0 < (expected > 0).sum() < len(LABELS)


def test_log_odds_are_those_of_the_cross_entropy():
    odds = np.asarray(log_odds(LOGITS, LABELS), np.float64)
    np.testing.assert_allclose(
        cross_entropy(LOGITS, LABELS), np.log1p(np.exp(odds)), **TOLERANCES["float32"]
    )
    # Far from the boundary the cross-entropy rounds to 0, and they do not.
    far = 30 * LOGITS[:1]
    assert cross_entropy(far, LABELS[:1]).item() == 0
    assert log_odds(far, LABELS[:1]).item() < -100


def test_dlr():
    def formula(z, y):
        first, _, third = np.sort(z)[::-1][:3]
        return (np.delete(z, y).max() - z[y]) / (first - third)

    np.testing.assert_allclose(dlr(LOGITS, LABELS), by_image(formula), rtol=1e-5)


def test_targeted_dlr_of_every_target():
    order = rivals(LOGITS, LABELS)
    np.testing.assert_array_equal(order[:, -1], LABELS)
    for rank in range(4):

        def formula(z, y, rank=rank):
            others = [c for c in np.argsort(-z) if c != y]
            first, _, third, fourth = np.sort(z)[::-1][:4]
            return (z[others[rank]] - z[y]) / (first - (third + fourth) / 2)

        found = targeted_dlr(LOGITS, LABELS, order[:, rank])
        np.testing.assert_allclose(found, by_image(formula), rtol=1e-5)


def test_dlr_does_not_change_with_scale_and_shift():
    np.testing.assert_allclose(
        dlr(1000 * LOGITS + 7, LABELS), dlr(LOGITS, LABELS), rtol=1e-3, atol=1e-5
    )


def test_axes_in_front_are_kept():
    stacked = jnp.stack([LOGITS, -LOGITS])
    labels = jnp.stack([LABELS, LABELS])
    for loss in (dlr, margin, is_wrong, logit_of):
        np.testing.assert_array_equal(loss(stacked, labels)[1], loss(-LOGITS, LABELS))


def test_equal_logits_have_no_ratio():
    equal, labels = jnp.zeros((2, 5)), jnp.array([0, 1])
    np.testing.assert_array_equal(dlr(equal, labels), 0)
    np.testing.assert_array_equal(targeted_dlr(equal, labels, labels[::-1]), 0)
    np.testing.assert_array_equal(is_wrong(equal, labels), [False, True])


@pytest.mark.parametrize(("loss", "classes"), [(dlr, 2), (lambda z, y: targeted_dlr(z, y, y), 3)])
def test_too_few_classes(loss, classes):
    with pytest.raises(InputError, match=f"at least {classes + 1} classes, got {classes}"):
        loss(jnp.zeros((1, classes)), jnp.array([0]))
