"""Checkpoints: what they hold, and those that cannot be used."""

import json
import shutil

import jax
import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.training import Checkpoints, fit, load_checkpoint
from tests.test_full_disk import largest_file
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


def test_damage_anywhere_in_a_checkpoint_is_refused_or_harmless(tmp_path):
    """Both where it is read and where the training would go on from it."""
    fit_here(tmp_path / "whole")
    held = load_checkpoint(tmp_path / "whole")
    files = [file for file in (tmp_path / "whole" / "last").rglob("*") if file.stat().st_size]
    rng = np.random.default_rng(0)
    outcomes = []
    for file in [file for file in files if file.is_file()]:
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        copy = shutil.copytree(tmp_path / "whole", tmp_path / "copy")
        changed = copy / file.relative_to(tmp_path / "whole")
        stored = bytearray(changed.read_bytes())
        stored[int(rng.integers(len(stored)))] ^= 1 << int(rng.integers(8))
        changed.write_bytes(stored)
        try:
            found = load_checkpoint(copy)
        except InputError as error:
            outcomes.append(str(error))
            continue
        assert found.about == held.about
        jax.tree.map(np.testing.assert_array_equal, found.variables, held.variables)
    assert len(outcomes) > 2
    assert all("is not a whole checkpoint" in line and "\n" not in line for line in outcomes)


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path):
    fit_here(tmp_path)
    held = load_checkpoint(tmp_path).about
    checkpoints = Checkpoints(tmp_path)
    last = checkpoints.last()
    assert last is not None
    later = last._replace(about=last.about | {"step": held["step"] + 1})
    with pytest.raises(OSError, match="the training can be resumed$"), largest_file(300):
        checkpoints.save(held["step"] + 1, later)
    checkpoints.close()
    assert load_checkpoint(tmp_path).about == held
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(held["step"] + 1, later)
    checkpoints.close()
    assert load_checkpoint(tmp_path).about == later.about


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
