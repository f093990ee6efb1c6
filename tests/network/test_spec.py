"""What a network specification accepts."""

from copy import copy
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.layers import Norm
from ntknas.network import Init, NetworkSpec


def test_defaults_are_the_published_setting():
    spec = NetworkSpec()
    assert (spec.channels, spec.cells, spec.classes, spec.image_size) == (16, 5, 10, 32)
    assert (spec.norm, spec.init) == (Norm.BATCH, Init.PYTORCH)
    assert spec.mean == (125.3 / 255, 123.0 / 255, 113.9 / 255)
    assert spec.std == (63.0 / 255, 62.1 / 255, 66.7 / 255)


def unchecked(**settings) -> NetworkSpec:
    """A spec as made where annotations are not enforced, which tests do and users do not."""
    spec = copy(NetworkSpec())
    for name, value in settings.items():
        object.__setattr__(spec, name, value)
    spec.__post_init__()
    return spec


def test_names_may_be_given_as_text_and_equal_specs_are_one_key():
    named = unchecked(norm="image", init="kaiming")
    assert named == NetworkSpec(norm=Norm.IMAGE, init=Init.KAIMING)
    assert hash(named) == hash(replace(NetworkSpec(init=Init.KAIMING), norm=Norm.IMAGE))
    with pytest.raises(FrozenInstanceError):
        named.cells = 2  # type: ignore[misc]


def test_lists_and_numpy_numbers_give_an_equal_key():
    given = unchecked(channels=np.int64(16), mean=[0.5, 0.5, 0.5], std=np.full(3, 0.25))
    expected = NetworkSpec(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    assert (given, hash(given), repr(given)) == (expected, hash(expected), repr(expected))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 0}, "channels must be at least 1, got 0"),
        ({"cells": 0}, "cells must be at least 1, got 0"),
        ({"classes": -1}, "classes must be at least 1, got -1"),
        ({"channels": 4.5}, "channels must be a whole number, got 4.5"),
        ({"channels": "16"}, "channels must be a whole number, got '16'"),
        ({"cells": None}, "cells must be a whole number, got None"),
        ({"image_size": 8.0}, "image_size must be a whole number, got 8.0"),
        ({"image_size": 30}, "multiple of 4, got 30"),
        ({"image_size": 0}, "multiple of 4, got 0"),
        ({"norm": "layer"}, "norm must be one of batch, image, frozen, none, got 'layer'"),
        ({"init": "xavier"}, "init must be one of pytorch, kaiming, got 'xavier'"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be positive"),
        ({"std": (1.0, float("nan"), 1.0)}, "std must be positive"),
        ({"std": (1.0, float("inf"), 1.0)}, "std must be positive"),
        ({"mean": (0.0, float("nan"), 0.0)}, "mean must be finite"),
        ({"mean": (0.5,)}, r"mean must be three numbers, one per colour, got \(0.5,\)"),
        ({"mean": 0.5}, "mean must be three numbers, one per colour, got 0.5"),
        ({"std": ("a", "b", "c")}, r"std must be three numbers, .* got \('a', 'b', 'c'\)"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InputError, match=message) as caught:
        unchecked(**settings)
    assert "\n" not in str(caught.value)
