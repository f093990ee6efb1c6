"""What an attack specification accepts."""

from copy import copy
from enum import StrEnum

import pytest

from ntknas.attack import ATTACKS, AttackSpec, check_read
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
        ({"name": "cw"}, "expected attack to be one of pgd, fgsm, apgd-ce, .*, got 'cw'"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"restarts": 0}, "restarts must be at least 1, got 0"),
        ({"ball": "l1"}, "expected ball to be one of linf, l2, got 'l1'"),
        ({"ball": "l2", "name": "square"}, "square has the ball linf only, got l2"),
        ({"step_size": 0.0}, "step size must be positive, got 0"),
        ({"step_size": -0.1}, "attack step size must lie in"),
        ({"step_size": float("nan")}, "attack step size must lie in"),
        ({"step_size": float("inf")}, "attack step size must lie in"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InputError, match=message):
        unchecked(**settings)


@pytest.mark.parametrize(
    ("name", "steps"),
    [("pgd", 20), ("fgsm", 1), ("apgd-ce", 100), ("fab-t", 100), ("square", 5000)],
)
def test_steps_are_the_attacks_own_unless_they_are_given(name, steps):
    assert AttackSpec(name).steps == steps
    assert unchecked(name=name, steps=7).steps == (1 if name == "fgsm" else 7)


def test_settings_that_an_attack_does_not_read_make_no_difference():
    plain = AttackSpec("square", 10)
    assert AttackSpec("square", 10, step_size=0.1, random_start=True, restarts=3) == plain
    assert AttackSpec("apgd-ce", step_size=0.1) == AttackSpec("apgd-ce")
    assert AttackSpec("apgd-ce", random_start=False) != AttackSpec("apgd-ce")
    assert AttackSpec(restarts=2) != AttackSpec()


def test_a_euclidean_step_may_be_longer_than_one():
    assert unchecked(ball="l2", step_size=2.5).step_size_at(1) == 2.5


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("fgsm", "steps"),
        ("apgd-ce", "step_size"),
        ("square", "restarts"),
        ("fab-t", "step_size"),
    ],
)
def test_settings_that_are_asked_for_must_be_read(name, setting):
    with pytest.raises(InputError, match=f"{name} has no {setting.replace('_', ' ')} to set"):
        check_read(name, {setting: 1})
    check_read("pgd", {setting: 1})
    check_read(name, {setting: None})


def test_an_attack_of_your_own_reads_every_setting():
    ATTACKS.register("own", lambda *_, **__: None)
    try:
        assert AttackSpec("own", step_size=0.1).step_size == 0.1
    finally:
        ATTACKS.remove("own")
