"""From images to joint Gram matrices, against stacked plain Jacobians."""

from functools import cache
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas import kernel as room
from ntknas.attack import AttackSpec, attack
from ntknas.errors import InputError
from ntknas.kernel import Batch, JointGram, Logits, kernel_blocks
from ntknas.layers import Norm
from tests.kernel.models import (
    CLASSES,
    draws,
    nas_network,
    plain_jacobian,
    quick_jit,
    user_cnn,
)
from tests.tolerances import TOLERANCES, of_largest

attacked_batches = quick_jit(
    room.attacked_batches, static_argnums=1, static_argnames=("spec", "twice")
)
robust_gram = quick_jit(
    room.robust_gram,
    static_argnums=1,
    static_argnames=("batches", "spec", "coupled", "logits", "attack_fn"),
)

ATOL = TOLERANCES["float64"]["atol"]
SPEC = AttackSpec(steps=2)
RHOS = (0.02, 0.3)
SUBSETS = [s for size in (1, 2, 3) for s in combinations(Batch, size)]
# The others run with the slow tests.
QUICK = (SUBSETS[0], SUBSETS[4], SUBSETS[-1])


def direct_grams(apply_fn, params, images, attacked, ones):
    """The Gram of stacked Jacobians of x, A(x), A(A(x)) at every radius."""
    clean = plain_jacobian(apply_fn, params, images, ones)
    for once, twice in attacked:
        rest = [plain_jacobian(apply_fn, params, a, ones) for a in (once, twice)]
        stacked = np.concatenate([clean, *rest])
        yield stacked @ stacked.T


@cache
def case(coupled: bool):
    """Model, images and the directly made Grams; called with 64-bit types on."""
    images, labels = draws(4)
    apply_fn, params = user_cnn(images, coupled=coupled)
    key = jax.random.key(3)
    attacked = attacked_batches(
        key, apply_fn, params, images, labels, rhos=jnp.array(RHOS), spec=SPEC, twice=True
    )
    grams = list(direct_grams(apply_fn, params, images, attacked, jnp.ones(CLASSES)))
    return key, apply_fn, params, images, labels, attacked, grams


@pytest.mark.parametrize("coupled", [True, False])
@pytest.mark.parametrize(
    "batches",
    [s if s in QUICK else pytest.param(s, marks=pytest.mark.slow) for s in SUBSETS],
)
def test_every_subset_equals_stacked_jacobians(batches, coupled, float64):
    key, apply_fn, params, images, labels, _, expected = case(coupled)
    matrices = robust_gram(
        key,
        apply_fn,
        params,
        images,
        labels,
        rhos=jnp.array(RHOS),
        batches=batches,
        spec=SPEC,
        coupled=coupled,
    )
    grams = JointGram.from_grams(matrices, batches).gram
    assert len(grams) == (1 if batches == (Batch.CLEAN,) else 2)
    n = len(images)
    kept = np.concatenate([np.arange(n) + n * list(Batch).index(b) for b in batches])
    for gram, whole in zip(grams, expected, strict=False):
        part = whole[np.ix_(kept, kept)]
        np.testing.assert_allclose(gram, part, **of_largest(part, "float64"))
        np.testing.assert_array_equal(gram, gram.T)
        values = np.linalg.eigvalsh(gram)
        assert values[0] >= -1e-12 * values[-1]


@pytest.mark.slow
def test_network_with_batch_statistics_equals_stacked_jacobians(float64):
    """The whole pipeline on a NAS-Bench-201 cell."""
    images, labels = draws(4)
    _, apply_fn, params = nas_network(Norm.BATCH, static=True)
    key, rhos = jax.random.key(0), jnp.array(RHOS)

    @quick_jit
    def ours(params):
        arguments = (key, apply_fn, params, images, labels)
        return (
            room.robust_gram(*arguments, rhos=rhos, spec=SPEC, coupled=True),
            room.attacked_batches(*arguments, rhos=rhos, spec=SPEC, twice=True),
        )

    matrices, attacked = ours(params)
    directly = direct_grams(apply_fn, params, images, attacked, jnp.ones(CLASSES))
    grams = JointGram.from_grams(matrices, tuple(Batch)).gram
    for gram, expected in zip(grams, directly, strict=True):
        np.testing.assert_allclose(gram, expected, **of_largest(expected, "float64"))


@pytest.mark.parametrize("coupled", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_twice_attacks_the_attacked_image_in_a_new_ball(coupled, float64):
    key, apply_fn, params, images, labels, attacked, _ = case(coupled)
    for rho, (once, twice) in zip(RHOS, attacked, strict=True):
        assert float(jnp.abs(once - images).max()) <= rho * (1 + 1e-12)
        assert float(jnp.abs(twice - once).max()) <= rho * (1 + 1e-12)
        assert float(jnp.abs(twice - images).max()) <= 2 * rho * (1 + 1e-12)
        assert float(jnp.abs(twice - images).max()) > 1.2 * rho
        again = attack(
            jax.random.split(key, 2)[1], apply_fn, params, once, labels, spec=SPEC, rho=rho
        )
        np.testing.assert_allclose(twice, again, rtol=0, atol=ATOL)
        wide = attack(
            jax.random.split(key, 2)[0], apply_fn, params, images, labels, spec=SPEC, rho=2 * rho
        )
        assert float(jnp.abs(twice - wide).max()) > 0.1 * rho
        assert float(twice.min()) >= 0
        assert float(twice.max()) <= 1


def test_one_attack_is_the_first_of_two(float64):
    key, apply_fn, params, images, labels, attacked, _ = case(False)
    once = attacked_batches(
        key, apply_fn, params, images, labels, rhos=jnp.array(RHOS), spec=SPEC, twice=False
    )
    assert once.shape == (2, 1, *images.shape)
    np.testing.assert_allclose(once[:, 0], attacked[:, 0], rtol=0, atol=ATOL)


def test_another_network_may_be_attacked(float64):
    """`attack_fn` makes the images, `apply_fn` the Jacobians."""
    key, apply_fn, params, images, labels, *_ = case(False)
    other = user_cnn(images, coupled=True)[0]
    (gram,) = robust_gram(
        key,
        apply_fn,
        params,
        images,
        labels,
        rhos=jnp.array([0.3]),
        batches=(Batch.ATTACKED,),
        spec=SPEC,
        coupled=False,
        attack_fn=other,
    ).whole
    attacked = attacked_batches(
        key, other, params, images, labels, rhos=jnp.array([0.3]), spec=SPEC, twice=False
    )
    rows = plain_jacobian(apply_fn, params, attacked[0, 0], jnp.ones(CLASSES))
    np.testing.assert_allclose(gram, rows @ rows.T, rtol=TOLERANCES["float64"]["rtol"])


@pytest.mark.slow
def test_radius_zero_makes_all_blocks_equal():
    images, labels = draws(4)
    apply_fn, params = user_cnn(images)
    blocks = kernel_blocks(apply_fn, params, images, labels, rho=0.0, attack=SPEC, coupled=False)
    for kernel in (blocks.robust, blocks.twice, blocks.mixed_clean(0.5), blocks.mixed_robust(0.2)):
        np.testing.assert_allclose(kernel, blocks.clean, rtol=TOLERANCES["float32"]["rtol"])


@pytest.mark.parametrize("logits", [pytest.param(Logits.SUM, marks=pytest.mark.slow), Logits.TRACE])
def test_a_users_own_network_in_both_modes(logits, float64):
    """Without coupling both algorithms give one answer."""
    images, labels = draws(4)
    apply_fn, params = user_cnn(images)
    both = [
        kernel_blocks(
            apply_fn,
            params,
            np.asarray(images),
            np.asarray(labels),
            rho=0.1,
            attack=SPEC,
            coupled=coupled,
            logits=logits,
        )
        for coupled in (True, False)
    ]
    np.testing.assert_allclose(both[0].gram, both[1].gram, rtol=TOLERANCES["float64"]["rtol"])
    assert both[0].epsilon == np.finfo(float).eps
    assert np.linalg.eigvalsh(both[0].gram)[0] >= -1e-12 * both[0].gram.max()


@pytest.mark.slow
def test_seeds_move_the_random_start_alone():
    one_step = AttackSpec(steps=1, step_size=0.01)
    images, labels = draws(4)
    apply_fn, params = user_cnn(images)
    blocks = [
        kernel_blocks(
            apply_fn, params, images, labels, rho=0.3, attack=one_step, coupled=False, seed=seed
        )
        for seed in (0, 1)
    ]
    np.testing.assert_array_equal(blocks[0].clean, blocks[1].clean)
    assert np.abs(blocks[0].robust - blocks[1].robust).max() > 1e-4
    assert blocks[0].epsilon == np.finfo(np.float32).eps


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rho": -0.1}, "rho must lie in"),
        ({"rho": float("nan")}, "rho must lie in"),
        ({"rho": float("inf")}, "rho must lie in"),
        ({"labels": np.array([0, 1])}, "expected one label per image"),
        ({"labels": np.array([0, 1, 2, CLASSES])}, "labels must lie in 0..2, got .*3"),
        ({"labels": np.array([0, 1, 2, -1])}, "labels must lie in 0..2, got .*-1"),
        ({"images": np.full((4, 8, 8, 3), 1.5)}, r"pixels must lie in \[0, 1\], got 1.5"),
        ({"images": np.full((4, 8, 8, 3), np.nan)}, "pixel values are NaN"),
        ({"images": np.zeros((0, 8, 8, 3)), "labels": np.zeros(0, int)}, "at least one image"),
        ({"batches": ()}, "at least one batch"),
    ],
)
def test_bad_input(change, message):
    images, labels = draws(4)
    apply_fn, params = user_cnn(images)
    arguments = {"images": images, "labels": labels, "coupled": False, "attack": SPEC} | change
    with pytest.raises(InputError, match=message) as caught:
        kernel_blocks(apply_fn, params, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "coupled"),
    [
        ("apgd-ce", True),
        ("square", False),
        pytest.param("apgd-ce", False, marks=pytest.mark.slow),
        pytest.param("apgd-dlr", True, marks=pytest.mark.slow),
        pytest.param("apgd-dlr", False, marks=pytest.mark.slow),
        pytest.param("square", True, marks=pytest.mark.slow),
    ],
)
def test_every_attack_that_moves_misclassified_images_makes_kernels(name, coupled):
    """An untrained network gets most images wrong; all of them move all the same."""
    images, labels = draws(4)
    apply_fn, params = user_cnn(images, coupled=coupled)
    spec = AttackSpec(name, 3)
    blocks = kernel_blocks(apply_fn, params, images, labels, rho=0.1, coupled=coupled, attack=spec)
    assert np.isfinite(blocks.gram).all()
    assert (np.diag(blocks.robust) != np.diag(blocks.clean)).all()


def test_attacks_need_as_many_classes_as_their_loss():
    images, labels = draws(4)
    apply_fn, params = user_cnn(images)
    with pytest.raises(InputError, match="at least 4 classes, got 3"):
        kernel_blocks(apply_fn, params, images, labels, rho=0.1, attack=AttackSpec("apgd-t", 2))


@pytest.mark.parametrize("name", ["fab-t", "autoattack"])
def test_attacks_that_leave_misclassified_images_are_refused(name):
    images, labels = draws(4)
    apply_fn, params = user_cnn(images)
    with pytest.raises(InputError, match=f"expected an attack of kernels: pgd, .*; got {name}"):
        kernel_blocks(apply_fn, params, images, labels, rho=0.1, attack=AttackSpec(name, 3))
