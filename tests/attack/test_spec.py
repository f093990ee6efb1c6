"""What an attack specification accepts."""

from copy import copy
from enum import StrEnum

import pytest

from ntknas.attack import AttackSpec
from ntknas.errors import InputError


class Name(StrEnum):
    """Another kind of text."""

    FGSM = "fgsm"


def unchecked(**settings) -> AttackSpec:
    """A spec as made where annotations are not enforced, which tests do and users do not."""
    spec = copy(AttackSpec())
    for name, value in settings.items():
        object.__setattr__(spec, name, value)
    spec.__post_init__()
    return spec


def test_defaults_are_the_benchmarks_evaluation():
    spec = AttackSpec()
    assert (spec.name, spec.steps, spec.random_start) == ("pgd", 20, True)
    assert spec.step_size_at(8 / 255) == pytest.approx(2.5 * 8 / 255 / 20, rel=1e-15)


def test_step_size_is_kept_whatever_the_radius():
    spec = AttackSpec(steps=7, step_size=2 / 255)
    assert spec.step_size_at(8 / 255) == spec.step_size_at(0.0) == 2 / 255


def test_name_may_be_given_as_text():
    assert unchecked(name="fgsm") == AttackSpec(name="fgsm")
    assert type(unchecked(name=Name.FGSM).name) is str


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "apgd"}, "expected attack to be one of pgd, fgsm, got 'apgd'"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"step_size": 0.0}, "step size must be positive, got 0"),
        ({"step_size": -0.1}, "attack step size must lie in"),
        ({"step_size": float("nan")}, "attack step size must lie in"),
        ({"step_size": float("inf")}, "attack step size must lie in"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InputError, match=message):
        unchecked(**settings)
