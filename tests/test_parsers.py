"""Every parser, under texts and files of any kind: a value, or one line; never another exception.

What is valid comes back as it was; the tests of each parser hold that. Here valid texts and files
are changed at random.
"""

import io
import json
import pickle
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

from ntknas.attack.state import AttackState, StateFile
from ntknas.errors import InputError
from ntknas.evaluation import load_scores
from ntknas.images import load_images
from ntknas.images.corruptions import load_corrupted
from ntknas.images.restricted_pickle import read_pickle
from ntknas.network import load_torch_weights
from ntknas.runs import ScoringSpec
from ntknas.scores import SCORES, RankSum, ScoreName, parse_fraction
from ntknas.search import read_history
from ntknas.spaces.nasbench201 import NASBENCH201, Architecture, architecture_named, architectures
from ntknas.training import TrainingFolder, TrainingSettings
from ntknas.truth import load_truth
from tests.training.test_settings import SETTINGS

# The type checks of the test run pick items at random, which Hypothesis notices.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

quick = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,  # the same examples every time
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def _same_scores():
    """Scores of other tools, which reading their files registers, go again."""
    before = set(SCORES)
    yield
    for name in set(SCORES) - before:
        SCORES.remove(name)


def value_or_line(parse, given_input) -> Any:
    """What the parser makes of an input; None if it refuses it in one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return parse(given_input)
    except InputError as error:
        message = str(error)
    assert message
    assert len(message.splitlines()) == 1, message
    return None


STRING = Architecture.from_id(9930).string
NAMES = [
    "lambda_min@clean",
    "cond@mixed_robust.stage_1:8/255:0.5",
    "cond@clean+params-pools",
]
TEXTS = {
    "architectures": (architectures, ["random:3:7", "0, 5,9930", STRING, "code:421211"]),
    "architecture_named": (architecture_named, ["(4, 3, 3, 0, 0, 0)", "000013", STRING]),
    "from_string": (Architecture.from_string, [STRING]),
    "from_code": (Architecture.from_code, ["421211"]),
    "score name": (ScoreName.parse, NAMES[:2]),
    "rank sum": (RankSum.parse, NAMES),
    "fraction": (parse_fraction, ["8/255", "0.03", "1e-3"]),
    "settings of a run": (ScoringSpec.from_json, [ScoringSpec().to_json()]),
    "settings of a training": (TrainingSettings.from_json, ['{"schema": 1}']),
}

pieces = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["|", "~", "+", "-", "@", ":", "/", ",", "0", "9" * 20, "1e999", "nan", "\n"]),
)


@st.composite
def changed_text(draw, valid):
    """One of the valid texts, with pieces put in, left out or doubled; or any text."""
    text = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 8)))
        text = text[:start] + draw(st.one_of(pieces, st.just(2 * text[start:end]))) + text[end:]
    return draw(st.one_of(st.just(text), st.text(max_size=40)))


@pytest.mark.parametrize("name", list(TEXTS))
@given(data=st.data())
@quick
def test_texts(name, data):
    parse, valid = TEXTS[name]
    text = data.draw(changed_text(valid))
    if text.strip() not in ("every", "all"):  # right, and slow
        value_or_line(parse, text)


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "settings of a training"])
def test_what_is_valid_is_read(name):
    parse, valid = TEXTS[name]
    for text in valid:
        assert value_or_line(parse, text) is not None


@given(index=st.integers(0, 15624))
@quick
def test_every_form_of_an_architecture_comes_back(index):
    cell = Architecture.from_id(index)
    code = "".join(map(str, cell.ops))
    for text in (str(index), f"{index:06}", cell.string, f"code:{code}", str(cell.naslib)):
        assert architecture_named(text) == cell


@pytest.fixture(scope="module")
def valid_files(tmp_path_factory):
    """Small valid files and folders by kind."""
    folder = tmp_path_factory.mktemp("valid")

    def write(name: str, stored: bytes | str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stored.encode() if isinstance(stored, str) else stored)
        return path

    ids = (5, 7, 9930)
    labels = {"": ["cifar10#val_acc", "cifar10#val_pgd_8_acc"]}
    page = labels | {str(index): [0.5, 0.25] for index in ids}
    write("page.json", "acc=" + json.dumps(page))
    write("own.csv", "architecture,seed,robust,clean\n5,0,0.1,0.2\n7,0,0.3,0.4\n7,1,0.3,0.5\n")
    released = {
        "cifar10": {str(i): {"val_acc": {"0": 0.8}, "val_pgd_8_acc": {"0": 0.4}} for i in ids}
    }
    write("released/all.json", json.dumps(released))
    meta = json.dumps({"ids": {str(i): {"isomorph": str(i)} for i in ids}})
    write("released/meta.json", meta)
    write("jung/meta.json", meta)
    clean = {"cifar10": {"clean": {"accuracy": {str(i): 0.5 for i in ids}}}}
    write("jung/cifar10/clean_accuracy.json", json.dumps(clean))
    write("scores.csv", "architecture,mine,yours\n5,0.5,1\n7,0.25,\n")
    suite = {"cifar10": {"(4, 3, 3, 0, 0, 0)": {"snip": {"score": 1.5}}}}
    write("suite.json", json.dumps(suite))
    cell = Architecture.from_id(5)
    write("history.csv", f"query,architecture,value,string\n1,5,0.5,{cell.string}\n")
    archive = io.BytesIO()
    pixels = np.zeros((4, 32, 32, 3), np.uint8)
    np.savez_compressed(archive, x_train=pixels, y_train=np.arange(4), idx_train=np.arange(4))
    write("images.npz", archive.getvalue())
    rows = {b"data": np.zeros((4, 3072), np.uint8), b"labels": [0, 1, 2, 3]}
    write("batch.pickle", pickle.dumps(rows, protocol=2))
    for name, array in (("labels", np.arange(5)), ("fog", np.zeros((5, 32, 32, 3), np.uint8))):
        stored = io.BytesIO()
        np.save(stored, array)
        write(f"corrupted/{name}.npy", stored.getvalue())
    stored = io.BytesIO()
    torch.save({"state_dict": {"classifier.weight": torch.zeros(10, 4)}}, stored)
    write("weights.pth", stored.getvalue())
    result = {"architecture": 5, "dataset": "cifar10", "seed": 0, "clean": 0.5, "seconds": 1.0}
    write("trained/settings.json", SETTINGS.to_json())
    write("trained/5/seed_0/result.json", json.dumps(result))
    write("trained/5/seed_0/metrics.csv", "epoch,loss\n1,0.5\n")
    state_file(folder / "state.npz").write([AttackState.start(np.zeros((2, 4, 4, 3)))])
    return folder


def state_file(path):
    return StateFile(path, {"attack": "pgd", "steps": 3}, np.zeros((2, 10), np.float32))


FILES = {
    "page.json": load_truth,
    "own.csv": load_truth,
    "released/all.json": load_truth,
    "jung/meta.json": lambda path: load_truth(path.parent),
    "jung/cifar10/clean_accuracy.json": lambda path: load_truth(path.parents[1]),
    "scores.csv": load_scores,
    "suite.json": load_scores,
    "history.csv": lambda path: read_history(path, NASBENCH201),
    "images.npz": lambda path: load_images("cifar10", path),
    "batch.pickle": lambda path: read_pickle(path.read_bytes(), "batch"),
    "corrupted/fog.npy": lambda path: load_corrupted(path.parent, "fog", 1),
    "corrupted/labels.npy": lambda path: load_corrupted(path.parent, "fog", 1),
    "state.npz": lambda path: state_file(path).read(),
    "trained/settings.json": lambda path: TrainingFolder(path.parent).settings,
    "trained/5/seed_0/result.json": lambda path: TrainingFolder(path.parents[2]).results(),
    "trained/5/seed_0/metrics.csv": lambda path: TrainingFolder(path.parents[2]).metrics(),
}


@st.composite
def changed_bytes(draw, valid):
    """A file's bytes with some changed, put in or cut off; or any bytes."""
    stored = bytearray(valid)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, max(0, len(stored) - 1)))
        end = draw(st.integers(start, min(len(stored), start + 16)))
        stored[start:end] = draw(
            st.one_of(
                st.binary(max_size=16),
                st.sampled_from([b"", b'"', b"{}", b"[]", b"null", b"1e999", b",", b"\n", b"-1"]),
            )
        )
    cut = draw(st.one_of(st.just(len(stored)), st.integers(0, len(stored))))
    return draw(st.one_of(st.just(bytes(stored)), st.just(bytes(stored[:cut])), st.binary()))


FILES_TO_CHANGE = FILES | {"weights.pth": lambda path: load_torch_weights(path, 5)}


@pytest.mark.parametrize("name", list(FILES_TO_CHANGE))
@given(data=st.data())
@quick
def test_files(name, valid_files, tmp_path, data):
    source = valid_files / name
    target = tmp_path / name
    if not (tmp_path / "jung").exists():
        shutil.copytree(valid_files, tmp_path, dirs_exist_ok=True)
    target.write_bytes(data.draw(changed_bytes(source.read_bytes())))
    value_or_line(FILES_TO_CHANGE[name], target)


@pytest.mark.parametrize("name", list(FILES))
def test_files_that_are_valid_are_read(name, valid_files):
    assert value_or_line(FILES[name], valid_files / name) is not None


JSON = ["page.json", "released/all.json", "jung/meta.json", "jung/cifar10/clean_accuracy.json"]
JSON += ["suite.json", "trained/settings.json", "trained/5/seed_0/result.json"]
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(["cifar10", "5", "15625", "-1", 10**400]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def places(value, path=()):
    """The paths of all values in JSON."""
    yield path
    entries: Any = value.items() if isinstance(value, dict) else ()
    entries = enumerate(value) if isinstance(value, list) else entries
    for key, inner in entries:
        yield from places(inner, (*path, key))


def replaced(value, path, new):
    """JSON with another value at a path."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@st.composite
def changed_json(draw, valid):
    """JSON with other values in one or two places."""
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(list(places(valid))))
        valid = replaced(valid, path, draw(values))
    return valid


@pytest.mark.parametrize("name", JSON)
@given(data=st.data())
@quick
def test_json_of_another_shape(name, valid_files, tmp_path, data):
    if not (tmp_path / "jung").exists():
        shutil.copytree(valid_files, tmp_path, dirs_exist_ok=True)
    valid = json.loads((valid_files / name).read_text().removeprefix("acc="))
    (tmp_path / name).write_text(json.dumps(data.draw(changed_json(valid))))
    value_or_line(FILES[name], tmp_path / name)


@given(data=st.data())
@quick
def test_settings_of_another_shape(data):
    valid = json.loads(ScoringSpec().to_json())
    value_or_line(ScoringSpec.from_json, json.dumps(data.draw(changed_json(valid))))
