"""One tiny run, a truth that fits it, and a way to run a command line in this process."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from ntknas.cli.main import main
from ntknas.scores import SCORES, register_score
from ntknas.spaces.nasbench201 import architectures
from tests.data.served import data_cache, published, server
from tests.evaluation.made_up import make_texts

__all__ = ["data_cache", "published", "server"]

ARCHS = "random:12"
TINY = (
    *(
        "--preset",
        "published",
        "--norm",
        "image",
        "--channels",
        "4",
        "--cells",
        "1",
        "--batch-size",
        "6",
        "--steps",
        "2",
    ),
    *("--rho", "3/255,8/255", "--seeds", "1"),
)


@pytest.fixture
def ntknas(capsys):
    """A function from a command line to exit status, stdout and stderr."""

    def command(*argv):
        capsys.readouterr()
        status = main([str(word) for word in argv])
        out, err = capsys.readouterr()
        return status, out, err

    return command


@pytest.fixture
def refused(ntknas):
    """A function that runs a command line and expects one line of complaint."""

    def command(*argv):
        status, out, err = ntknas(*argv)
        assert status == 2
        assert out == ""
        assert err.startswith("ntknas: error: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        return err

    return command


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The folder of a finished run of 12 architectures, to be read only."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    assert main(["score", "--archs", ARCHS, "--out", str(folder), *TINY]) == 0
    return folder


@pytest.fixture
def keep(finished, tmp_path):
    """A function that makes a copy of the run with only its first `count` architectures."""

    def copy(count: int) -> Path:
        folder = tmp_path / f"run{count}"
        shutil.copytree(finished, folder)
        connection = sqlite3.connect(folder / "run.sqlite")
        ids = [row[0] for row in connection.execute("SELECT id FROM architecture ORDER BY id")]
        for table in ("architecture", "gram", "score"):
            connection.executemany(f"DELETE FROM {table} WHERE id = ?", [(i,) for i in ids[count:]])
            connection.executemany(
                "DELETE FROM checksum WHERE of = ? AND id = ?", [(table, i) for i in ids[count:]]
            )
        connection.commit()
        connection.close()
        return folder

    return copy


def write_truth(path: Path, values: dict[int, list[float]], labels: list[str]) -> Path:
    """A table of accuracies in the form of the project page."""
    content = {str(index): row for index, row in values.items()} | {"": labels}
    path.write_text(f"acc={json.dumps(content)}")
    return path


@pytest.fixture(scope="session")
def texts(tmp_path_factory) -> Path:
    """The folder of a run of 12 networks of one's own, net_00 to net_11, to be read only."""
    return make_texts(tmp_path_factory.mktemp("cli") / "texts").folder


@pytest.fixture
def own_truth(tmp_path) -> Path:
    """A CSV file with made-up accuracies of the networks of `texts`."""
    rows = [f"net_{i:02},{0.5 + 0.01 * ((7 * i) % 12)},{0.3 + 0.02 * i}" for i in range(12)]
    path = tmp_path / "ours.csv"
    path.write_text("\n".join(["architecture,accuracy,robust", *rows, ""]))
    return path


@pytest.fixture
def seeds_truth(tmp_path) -> Path:
    """A CSV file with two seeds of the run's architectures; the last has the first seed alone."""
    ids = [a.id for a in architectures(ARCHS)]
    rows = [f"{label},0,{0.1 + 0.05 * i}" for i, label in enumerate(ids)]
    rows += [f"{label},1,{0.9 - 0.07 * i}" for i, label in enumerate(ids[:-1])]
    path = tmp_path / "seeds.csv"
    path.write_text("\n".join(["architecture,seed,robust", *rows, ""]))
    return path


@pytest.fixture
def gap():
    """A score that is registered for the length of a test."""

    @register_score("gap", direction=-1, formula="l_n - l_1", source="these tests")
    def gap(stack):
        return stack.eigenvalues[..., -1] - stack.eigenvalues[..., 0]

    yield gap
    SCORES.remove("gap")


@pytest.fixture
def truth(tmp_path) -> Path:
    """Made-up accuracies of the run's architectures: CIFAR-10 clean and PGD-8."""
    chosen = architectures(ARCHS)
    values = {a.id: [0.1 + 0.05 * i, 0.05 + 0.03 * i] for i, a in enumerate(chosen)}
    return write_truth(
        tmp_path / "truth.json", values, ["cifar10#val_acc", "cifar10#val_pgd_8_acc"]
    )
