"""Dataset registry against the published normalisers."""

import dataclasses

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.images import DATASETS, dataset_info


def test_registry():
    assert {n: (i.name, i.classes, i.image_size) for n, i in DATASETS.items()} == {
        "cifar10": ("cifar10", 10, 32),
        "cifar100": ("cifar100", 100, 32),
        "imagenet16": ("imagenet16", 120, 16),
    }


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("cifar10", (0.49139968, 0.48215841, 0.44653091), (0.24703223, 0.24348513, 0.26158784)),
        ("cifar100", (0.50707516, 0.48654887, 0.44091784), (0.26733429, 0.25643846, 0.27615047)),
        ("imagenet16", (0.48109804, 0.45749020, 0.40788235), (0.24792157, 0.24023529, 0.25525490)),
    ],
)
def test_normalisers_are_those_of_the_training_images(name, mean, std):
    # NAS-Bench-201 rounds means and deviations to 0.1 of 255.
    np.testing.assert_allclose(DATASETS[name].mean, mean, atol=2.5e-4)
    np.testing.assert_allclose(DATASETS[name].std, std, atol=2.5e-4)


def test_classes_have_names_or_numbers():
    """The names of CIFAR-10's classes, in the order of batches.meta."""
    info = DATASETS["cifar10"]
    names = "airplane automobile bird cat deer dog frog horse ship truck"
    assert [info.class_name(label) for label in range(10)] == names.split()
    assert DATASETS["cifar100"].class_name(7) == "class 7"
    assert all(len(i.class_names) in (0, i.classes) for i in DATASETS.values())


def test_entries_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        DATASETS["cifar10"].classes = 11  # type: ignore[misc]
    with pytest.raises(TypeError):
        DATASETS["cifar11"] = DATASETS["cifar10"]  # type: ignore[index]


def test_unknown_name():
    with pytest.raises(InputError, match="'cifar'.*cifar10, cifar100, imagenet16"):
        dataset_info("cifar")
