"""Accuracies against a plain count, whatever the size of the batches."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.attack import AttackSpec
from ntknas.network import Network, initial_variables
from ntknas.training import Evaluator, Trial, benchmark_trials
from tests.training.tiny import CHEAP, NETWORK, images

VARIABLES = initial_variables(NETWORK, 0, CHEAP.ops)


def test_clean_accuracy_is_the_share_of_hits():
    drawn = images(30, 5)
    floats = jnp.asarray(drawn.pixels / np.float32(255))
    logits = Network(NETWORK).apply(jax.tree.map(jnp.asarray, VARIABLES), floats, CHEAP.ops)
    # Random weights know nothing: labels are the predictions themselves, three of them changed.
    labels = np.asarray(logits.argmax(-1)).astype(np.int64)
    labels[[3, 15, 29]] = (labels[[3, 15, 29]] + 1) % 120
    relabelled = replace(drawn, labels=labels)
    for batch_size in (7, 30, 64):
        evaluate = Evaluator(Network(NETWORK), CHEAP.ops, batch_size=batch_size)
        seen: list[tuple[int, int]] = []
        accuracy = evaluate(
            VARIABLES,
            relabelled,
            (Trial("clean"),),
            on_progress=lambda *progress: seen.append(progress),  # noqa: B023
        )
        assert accuracy == {"clean": pytest.approx(27 / 30)}
        assert seen[-1] == (30, 30)


def test_radius_0_changes_nothing_and_attacks_never_help():
    evaluate = Evaluator(Network(NETWORK), CHEAP.ops)
    attack = AttackSpec(steps=2)
    trials = (Trial("clean"), Trial("none", attack, 0.0), Trial("some", attack, 64 / 255))
    accuracy = evaluate(VARIABLES, images(30, 5), trials)
    assert accuracy["none"] == accuracy["clean"]
    assert accuracy["some"] <= accuracy["clean"]


def test_names_are_those_of_published_tables():
    assert [trial.name for trial in benchmark_trials(3 / 255)] == ["clean", "fgsm_3", "pgd_3"]
    assert [trial.name for trial in benchmark_trials(0.5 / 255)] == ["clean", "fgsm_0.5", "pgd_0.5"]
    pgd = benchmark_trials(8 / 255)[2].attack
    assert pgd is not None
    assert (pgd.steps, pgd.random_start) == (20, True)
