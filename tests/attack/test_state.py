"""The file of an evaluation: what it holds, what it refuses, and that it loses nothing."""

import json

import numpy as np
import pytest

from ntknas.attack.state import AttackState, StateFile
from ntknas.errors import InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(3, 2, 2, 3)).astype(np.float32)
LOGITS = RNG.normal(size=(3, 4)).astype(np.float32)
SETTINGS = {"rho": 8 / 255, "seed": 0}


def begun():
    states = [AttackState.start(IMAGES), AttackState.start(IMAGES)]
    states[0].broken_by[1], states[0].component, states[0].stage = 2, 3, 1
    states[0].images[1] = 0
    return states


def test_what_was_written_is_read(tmp_path):
    file = StateFile(tmp_path / "state.npz", SETTINGS, LOGITS)
    assert file.read() == []
    file.write(begun())
    # Logits of another machine differ by rounding.
    first, second = StateFile(tmp_path / "state.npz", SETTINGS, LOGITS + 1e-4).read()
    assert (first.component, first.stage) == (3, 1)
    np.testing.assert_array_equal(first.broken_by, [-1, 2, -1])
    np.testing.assert_array_equal(first.images, begun()[0].images)
    assert (second.component, second.stage) == (0, 0)
    np.testing.assert_array_equal(second.images, IMAGES)
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_a_state_does_not_share_its_images():
    state = AttackState.start(IMAGES)
    state.images[0] = 1
    assert IMAGES.max() < 1


@pytest.mark.parametrize(
    ("settings", "logits", "message"),
    [
        (SETTINGS | {"seed": 1}, LOGITS, r"other settings \(there / here\): seed: 0 / 1"),
        ({"rho": 8 / 255}, LOGITS, "seed: 0 / None"),
        (SETTINGS, LOGITS + 0.1, "other images or weights"),
        (SETTINGS, LOGITS[:2], "other images or weights"),
    ],
)
def test_another_evaluation_is_refused(tmp_path, settings, logits, message):
    StateFile(tmp_path / "state.npz", SETTINGS, LOGITS).write(begun())
    with pytest.raises(InputError, match=message):
        StateFile(tmp_path / "state.npz", settings, logits).read()


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04", None])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "state.npz"
    if content is None:
        np.savez(path, about=json.dumps({"settings": SETTINGS}))
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match="holds no state of an evaluation"):
        StateFile(path, SETTINGS, LOGITS).read()


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    file = StateFile(tmp_path / "state.npz", SETTINGS, LOGITS)
    file.write(begun())
    before = (tmp_path / "state.npz").read_bytes()

    def full(*arguments, **arrays):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space left"):
        file.write(begun()[:1])
    assert (tmp_path / "state.npz").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
