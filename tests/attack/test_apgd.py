"""APGD against torchattacks from the same start, its checkpoints, and networks side by side."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torchattacks

from ntknas.attack import AttackSpec, apgd, apgd_ce, apgd_t, pgd
from ntknas.attack.apgd import _checkpoints
from ntknas.attack.losses import cross_entropy, dlr, margin, rivals, targeted_dlr
from tests.attack.models import LABELS, RADII, closed_form, curved, draws, linear
from tests.attack.trained import labelled_images, logits_fn, trained
from tests.network.reference import to_numpy, to_torch
from tests.tolerances import TOLERANCES

KEY = jax.random.key(0)
TARGET = 2  # the third-strongest class, in torchattacks' count from 1


@pytest.fixture
def doubles(float64):
    """PyTorch in float64 too."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("name", "ball"),  # torchattacks' targeted l2 form takes the first image's step for all
    [
        ("apgd-ce", "linf"),
        pytest.param("apgd-dlr", "linf", marks=pytest.mark.slow),
        pytest.param("apgd-t", "linf", marks=pytest.mark.slow),
        pytest.param("apgd-ce", "l2", marks=pytest.mark.slow),
    ],
)
def test_equals_torchattacks_from_the_same_start(name, ball, doubles, data_file, monkeypatch):
    """Same weights and start: the same image in every pixel, after 20 steps with six checkpoints.

    The radius is small, so that nearly no image is broken: of broken images torchattacks keeps the
    last one, and we keep that of the highest loss.
    """
    network = trained("standard", torch.float64)
    pixels, labels = labelled_images(data_file("cifar10/cifar10_subset.npz"), 24)
    images = pixels.astype(np.float64)
    right = np.asarray(logits_fn(network)(jnp.asarray(images))).argmax(1) == labels
    images, labels = images[right][:6], labels[right][:6]

    rho = 0.2 / 255 if ball == "linf" else 2 / 255
    rng = np.random.default_rng(0)
    if ball == "linf":
        draw = rng.uniform(size=images.shape)
        noise = 2 * draw - 1
        noise /= np.abs(noise).max((1, 2, 3), keepdims=True)
        monkeypatch.setattr(torch, "rand", lambda _: to_torch(draw, torch.float64))
    else:
        draw = noise = rng.normal(size=images.shape)
        noise = noise / np.sqrt(np.square(noise).sum((1, 2, 3), keepdims=True))
        monkeypatch.setattr(torch, "randn", lambda _: to_torch(draw, torch.float64))
    start = np.clip(images + rho * noise, 0, 1)

    norm, steps = {"linf": "Linf", "l2": "L2"}[ball], 20
    if name == "apgd-t":
        reference = torchattacks.APGDT(network.oracle, norm=norm, eps=rho, steps=steps)
        reference.target_class = TARGET + 1
    else:
        reference = torchattacks.APGD(
            network.oracle, norm=norm, eps=rho, steps=steps, loss=name.removeprefix("apgd-")
        )
    best, right, *_ = reference.attack_single_run(
        to_torch(images, torch.float64).contiguous(), torch.tensor(labels)
    )

    truth = jnp.asarray(labels)
    target = rivals(logits_fn(network)(jnp.asarray(images)), truth)[:, TARGET - 1]
    loss = {
        "apgd-ce": cross_entropy,
        "apgd-dlr": dlr,
        "apgd-t": lambda logits, labels: targeted_dlr(logits, labels, target),
    }[name]
    spec = AttackSpec(name, steps, ball=ball)

    @jax.jit
    def ours(start, images):
        return apgd(start, logits_fn(network), images, truth, loss=loss, rho=rho, spec=spec)

    unbroken = right.numpy()
    assert unbroken.sum() >= 4
    difference = np.asarray(ours(jnp.asarray(start), jnp.asarray(images))) - to_numpy(best)
    atol = TOLERANCES["float64"]["atol"]
    np.testing.assert_allclose(difference[unbroken], 0, rtol=0, atol=atol)


@pytest.mark.parametrize("steps", [1, 3, 10, 20, 100])
def test_checkpoints_follow_the_papers_formula(steps):
    """Windows of .22, .19, .16 ... of the steps, and of .06 at least, rounded as in the code."""
    window, turns = max(int(0.22 * steps), 1), []
    counter, expected = 0, np.zeros(steps)
    for step in range(steps):
        counter += 1
        if counter == window:
            expected[step], counter = window, 0
            turns.append(step + 1)
            window = max(window - max(int(0.03 * steps), 1), max(int(0.06 * steps), 1))
    np.testing.assert_array_equal(_checkpoints(steps), expected)
    if steps == 100:
        assert turns[:4] == [22, 41, 57, 70]


@pytest.mark.parametrize("random_start", [True, False])
def test_linear_model_is_the_closed_form(random_start):
    images, weights, _ = draws()
    spec = AttackSpec("apgd-ce", 5, random_start=random_start)
    for rho in RADII:
        found = apgd_ce(
            KEY, lambda x: linear(weights, x), images, jnp.asarray(LABELS), rho=rho, spec=spec
        )
        np.testing.assert_allclose(found, closed_form(images, weights, rho), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_is_never_weaker_than_pgd_with_the_same_steps(data_file):
    """On a trained network, image by image: the loss is that of PGD or more, nearly everywhere."""
    network = trained("robust")
    images, labels = labelled_images(data_file("cifar10/cifar10_subset.npz"), 40)

    @jax.jit
    def both(images):
        truth = jnp.asarray(labels)
        arguments = (KEY, logits_fn(network), images, truth)
        spec = AttackSpec("apgd-ce", 10)
        attacked = (
            apgd_ce(*arguments, rho=4 / 255, spec=spec),
            pgd(*arguments, rho=4 / 255, spec=AttackSpec(steps=10)),
        )
        logits = [logits_fn(network)(x) for x in attacked]
        return [cross_entropy(z, truth) for z in logits], [margin(z, truth) > 0 for z in logits]

    losses, wrong = both(jnp.asarray(images))
    assert np.mean(np.asarray(losses[0]) >= np.asarray(losses[1]) - 1e-3) > 0.8
    assert np.asarray(losses[0]).mean() > np.asarray(losses[1]).mean()
    assert wrong[0].sum() >= wrong[1].sum()


def test_misclassified_points_go_before_higher_losses():
    """A network that is wrong in a strip, where the loss is lower than at the end of the ball."""

    def logits(images):
        x = images[:, 0, 0, 0] - 0.5
        # Class 1 wins in a strip around the image. Class 2 never wins, and lifts the loss outside.
        return jnp.stack([0 * x, jnp.where(jnp.abs(x) < 0.01, 0.01, -0.5), 9.9 * x - 1], 1)

    images, labels = jnp.full((1, 1, 1, 1), 0.5), jnp.zeros(1, jnp.int32)
    spec = AttackSpec("apgd-ce", 40, random_start=False)
    found = apgd_ce(KEY, logits, images, labels, rho=0.1, spec=spec)
    assert found.item() == 0.5
    assert cross_entropy(logits(images + 0.1), labels) > cross_entropy(logits(images), labels)


def test_networks_side_by_side_are_attacked_alike():
    images, _, weights = draws()
    labels, spec = jnp.asarray(LABELS), AttackSpec("apgd-t", 4)
    stacked = jnp.stack([weights, -weights])

    def many(images):
        return jnp.stack([curved(w, x) for w, x in zip(stacked, images, strict=True)])

    two = apgd_t(KEY, many, jnp.stack([images] * 2), jnp.stack([labels] * 2), rho=0.1, spec=spec)
    for found, w in zip(two, stacked, strict=True):
        alone = apgd_t(KEY, partial(curved, w), images, labels, rho=0.1, spec=spec)
        np.testing.assert_allclose(found, alone, rtol=0, atol=1e-6)


def test_restarts_do_not_lower_the_margin():
    images, _, weights = draws()
    labels = jnp.asarray(LABELS)
    logits = lambda x: curved(weights, x)  # noqa: E731

    def margins(restarts):
        spec = AttackSpec("apgd-ce", 3, restarts=restarts)
        return np.asarray(
            margin(logits(apgd_ce(KEY, logits, images, labels, rho=0.1, spec=spec)), labels)
        )

    assert (margins(8) >= margins(2)).all()
