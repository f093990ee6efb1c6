"""Settings of trainings: through JSON and back, and what differs."""

import json
from dataclasses import replace

import pytest

from ntknas.errors import InputError
from ntknas.training import TrainingSettings
from tests.training.tiny import NETWORK, QUICK, images

SETTINGS = TrainingSettings.of(QUICK, NETWORK, images(), images(30, 5), images(16, 3))


def test_of_images():
    assert (SETTINGS.train_images, SETTINGS.validation_images, SETTINGS.test_images) == (20, 16, 30)
    assert SETTINGS.dataset == "imagenet16"
    assert SETTINGS.train_sha256 == images().sha256


def test_a_way_through_json():
    assert TrainingSettings.from_json(SETTINGS.to_json()) == SETTINGS


def test_differences_are_named():
    other = replace(
        SETTINGS,
        recipe=replace(QUICK, rho=4 / 255, augment=False),
        network=replace(NETWORK, channels=8),
        test_radii=(3 / 255, 8 / 255),
        initial_sha256="0123456789abcdef",
    )
    assert SETTINGS.differences(other) == [
        "recipe.rho: 8/255 / 4/255",
        "recipe.augment: True / False",
        "network.channels: 4 / 8",
        "test_radii: 8/255 / 3/255,8/255",
        "initial_sha256:  / 0123456789ab",
    ]
    assert SETTINGS.differences(SETTINGS) == []


def test_settings_of_the_first_schema_were_tested_at_the_radius_of_training():
    values = json.loads(SETTINGS.to_json()) | {"schema": 1}
    del values["test_radii"]
    assert TrainingSettings.from_json(json.dumps(values)) == SETTINGS
    assert SETTINGS.test_radii == (QUICK.rho,)


@pytest.mark.parametrize(
    ("radii", "message"),
    [
        ((3 / 255, 8 / 255, 3 / 255), "different radii of the attacks .*, got 3/255, 8/255, 3/255"),
        ((), "got none"),
        ((8.0,), r"radius of the test .*8/255"),
    ],
)
def test_radii_of_the_test(radii, message):
    with pytest.raises(InputError, match=message):
        TrainingSettings.of(QUICK, NETWORK, images(), images(30, 5), test_radii=radii)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}'])
def test_other_texts(text):
    with pytest.raises(InputError, match="expected the settings of a training"):
        TrainingSettings.from_json(text)


def test_another_schema():
    values = json.loads(SETTINGS.to_json()) | {"schema": 99}
    with pytest.raises(InputError, match="another version"):
        TrainingSettings.from_json(json.dumps(values))


def test_labels_without_a_class():
    with pytest.raises(InputError, match=r"labels 0..0, .* got 1 in made here 5"):
        TrainingSettings.of(QUICK, replace(NETWORK, classes=1), images(1), images(30, 5))
