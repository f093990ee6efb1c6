"""Checkpoints: what they hold, and those that cannot be used."""

import json

import pytest

from ntknas.errors import InputError
from ntknas.training import fit, load_checkpoint
from tests.training.tiny import CHEAP, NETWORK, QUICK, images


def fit_here(folder):
    return fit(CHEAP, images(), recipe=QUICK, network=NETWORK, folder=folder)


def test_the_checkpoint_of_another_architecture(tmp_path):
    fit_here(tmp_path)
    assert load_checkpoint(tmp_path, CHEAP).architecture == CHEAP
    with pytest.raises(InputError, match=r"weights of architecture 0 .* those of"):
        load_checkpoint(tmp_path, 0)


def test_a_damaged_checkpoint(tmp_path):
    fit_here(tmp_path)
    (about,) = (tmp_path / "last").glob("*/about/metadata")
    about.write_text("{")
    with pytest.raises(InputError, match="not a whole checkpoint"):
        load_checkpoint(tmp_path)


def test_folders_without_a_checkpoint(tmp_path):
    with pytest.raises(InputError, match="which is no folder"):
        load_checkpoint(tmp_path)
    with pytest.raises(InputError, match="last, best, got 'first'"):
        load_checkpoint(tmp_path, kind="first")


def test_checkpoints_say_what_they_are(tmp_path):
    about = fit_here(tmp_path).about
    held = load_checkpoint(tmp_path)
    assert held.spec == NETWORK
    assert held.about["recipe"] == json.loads(QUICK.to_json())
    assert held.about["architecture"] == about["architecture"] == CHEAP.id
