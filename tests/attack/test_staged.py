"""Runs of an attack: the best counts, and one run is the run itself."""

import jax
import jax.numpy as jnp
import numpy as np

from ntknas.attack import Attack, AttackSpec, StagedAttack, pgd
from ntknas.attack.losses import margin
from ntknas.attack.staged import restarts
from tests.attack.models import LABELS, curved, draws

KEY = jax.random.key(0)
IMAGES, _, WEIGHTS = draws()
TRUTH = jnp.asarray(LABELS)


def logits(images):
    return curved(WEIGHTS, images)


def test_every_image_is_that_of_its_best_run():
    spec = AttackSpec(steps=2, restarts=4)
    found = pgd(KEY, logits, IMAGES, TRUTH, rho=0.2, spec=spec)
    runs = [
        pgd.run(
            jax.random.fold_in(KEY, stage),
            logits,
            IMAGES,
            TRUTH,
            IMAGES,
            stage=stage,
            rho=0.2,
            spec=spec,
        )
        for stage in range(4)
    ]
    margins = np.stack([margin(logits(run), TRUTH) for run in runs])
    assert len(set(margins.argmax(0))) > 1
    for i, best in enumerate(margins.argmax(0)):
        np.testing.assert_allclose(found[i], runs[best][i], atol=1e-6)


def test_a_run_is_told_its_number_and_the_best_images_so_far():
    def run(key, logits_fn, images, labels, best, *, stage, rho, spec):
        return jnp.clip(best + rho / spec.restarts + 0 * stage, 0, 1)

    attack = StagedAttack(run, restarts)
    images = jnp.full((2, 1, 1, 1), 0.3)
    rising = lambda x: jnp.concatenate([0 * x[:, 0, 0], x[:, 0, 0]], 1)  # noqa: E731
    found = attack(KEY, rising, images, jnp.zeros(2, int), rho=0.4, spec=AttackSpec(restarts=4))
    np.testing.assert_allclose(found, 0.7, rtol=1e-6)
    assert isinstance(attack, Attack)
