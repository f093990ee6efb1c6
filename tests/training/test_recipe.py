"""The recipe: the benchmark's by default, and what is refused."""

import json

import pytest

from ntknas.attack import AttackSpec
from ntknas.errors import InputError
from ntknas.training import Recipe


def test_the_default_is_the_benchmarks():
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (50, 256, 0.1)
    assert (recipe.momentum, recipe.weight_decay, recipe.beta) == (0.9, 5e-4, 1.0)
    assert recipe.attack == AttackSpec("pgd", steps=7, step_size=2 / 255, random_start=True)
    assert recipe.rho == 8 / 255
    assert recipe.augment


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"learning_rate": 0.0}, "learning rate must be positive"),
        ({"learning_rate": float("inf")}, "learning rate must be positive"),
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\)"),
        ({"weight_decay": -1e-4}, "weight decay must not be negative"),
        ({"beta": 1.5}, "beta"),
        ({"rho": 8.0}, "pixel units such as 8/255, got 8"),
    ],
)
def test_values_out_of_range(changes, message):
    with pytest.raises(InputError, match=message):
        Recipe(**changes)


def test_a_way_through_json():
    recipe = Recipe(epochs=3, beta=0.5, attack=AttackSpec("fgsm"), augment=False)
    assert Recipe.from_values(json.loads(recipe.to_json())) == recipe


def test_standard_training_names_no_attack():
    assert "pgd" not in str(Recipe(beta=0.0))
