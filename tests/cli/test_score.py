"""`ntknas score`: a run from the command line, resuming, and every input that is refused."""

import gzip
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from ntknas.attack import ATTACKS
from ntknas.cli.main import parse
from ntknas.cli.score_options import spec_of
from ntknas.engine import score
from ntknas.images import DATASETS, load_images
from ntknas.kernel import Batch, Logits
from ntknas.layers import Norm
from ntknas.network import Init
from ntknas.runs import PRESETS, Run, ScoringSpec
from tests.cli.conftest import ARCHS, TINY

PROGRAM = Path(sys.executable).with_name("ntknas")


def settings_of(*options):
    return spec_of(parse(["ntknas", "score", "--archs", "0", "--out", "x", *options]))


def test_presets_are_the_librarys():
    assert settings_of() == PRESETS["standard"]
    for name, spec in PRESETS.items():
        assert settings_of("--preset", name) == spec


def test_options_go_before_the_preset():
    spec = settings_of("--preset", "fast", "--kernels", "robust", "--cells", "3")
    network = replace(PRESETS["fast"].network, cells=3)
    # Radii are the published ones where a preset has none.
    changes: dict[str, Any] = {"network": network, "batches": (Batch.ATTACKED,)}
    changes["rhos"] = ScoringSpec().rhos
    assert spec == replace(PRESETS["fast"], **changes)


@pytest.mark.parametrize(
    "option",
    ["--rho=8/255", "--beta=0.5", "--attack=fgsm", "--steps=3", "--no-random-start"],
)
@pytest.mark.parametrize("kernels", [(), ("--kernels", "clean")])
def test_options_of_attacks_without_attacked_kernels(refused, tmp_path, option, kernels):
    complaint = refused("score", "--archs", "0", "--out", tmp_path / "run", option, *kernels)
    assert "add --kernels" in complaint
    assert not (tmp_path / "run").exists()


def test_help_tells_what_the_presets_are(capsys):
    with pytest.raises(SystemExit):
        parse(["ntknas", "score", "--help"])
    text = capsys.readouterr().out
    for name, spec in PRESETS.items():
        network = spec.network
        line = next(line for line in text.splitlines() if line.split()[:1] == [name])
        assert f"{spec.batch_size} images" in line
        assert f"{network.cells} cell{'s' * (network.cells > 1)} per stage" in line
        assert f"norm {network.norm}" in line
        assert ", ".join(batch.kernel for batch in spec.batches) in line
        assert (f"{spec.seeds} draws" in line) == (spec.seeds > 1)
        assert ("groups of layers" in line) == (spec.parts == "groups")


def test_options_reach_the_spec():
    spec = settings_of(
        *("--batch-size", "20", "--balance", "exact", "--seeds", "3", "--norm", "image"),
        *("--attack-norm", "frozen", "--init", "kaiming", "--channels", "8", "--cells", "2"),
        *("--attack", "pgd", "--rho", "1/255,0.5", "--steps", "7", "--step-size", "2/255"),
        *("--no-random-start", "--beta", "0,1/4", "--kernels", "clean,robust"),
        *("--logits", "trace", "--params", "weights"),
    )
    assert (spec.batch_size, spec.balance, spec.seeds) == (20, "exact", 3)
    assert (spec.network.norm, spec.attack_norm) == (Norm.IMAGE, Norm.FROZEN)
    assert (spec.network.init, spec.network.channels, spec.network.cells) == (Init.KAIMING, 8, 2)
    assert (spec.attack.name, spec.attack.steps) == ("pgd", 7)
    assert (spec.attack.step_size, spec.attack.random_start) == (2 / 255, False)
    assert (spec.rhos, spec.betas) == ((1 / 255, 0.5), (0.0, 0.25))
    assert (spec.batches, spec.logits) == ((Batch.CLEAN, Batch.ATTACKED), Logits.TRACE)
    assert spec.parameters == "weights"


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--dataset", DATASETS),
        ("--norm", Norm),
        ("--attack-norm", Norm),
        ("--init", Init),
        ("--attack", ATTACKS),
        ("--logits", Logits),
        ("--kernels", [batch.kernel for batch in Batch]),
        ("--balance", ("near", "exact")),
        ("--split", ("train", "test")),
        ("--params", ("all", "weights")),
    ],
)
def test_every_value_of_the_library_is_accepted(option, values):
    for value in values:
        args = parse(["ntknas", "score", "--archs", "0", "--out", "x", option, str(value)])
        assert vars(args)[option.removeprefix("--").replace("-", "_")] in (value, [value])


@pytest.mark.parametrize("name", ["fab-t", "autoattack"])
def test_attacks_that_kernels_cannot_be_taken_on(refused, tmp_path, name):
    argv = ["score", "--archs", "0", "--out", tmp_path / "run", *TINY, "--attack", name]
    assert "leaves misclassified images as they are" in refused(*argv)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--attack", "apgd-ce", "--step-size", "0.01"), "apgd-ce has no step size to set"),
        (("--attack", "square", "--no-random-start"), "square has no random start to set"),
    ],
)
def test_settings_that_an_attack_does_not_have(refused, tmp_path, options, complaint):
    argv = ["score", "--archs", "0", "--out", tmp_path / "run", *TINY, *options]
    assert complaint in refused(*argv)


@pytest.mark.slow
def test_kernels_of_another_attack_are_the_same_in_both_programs(ntknas, tmp_path):
    """Bundles attack several architectures side by side, each image with its own step sizes."""
    found = {}
    for program in ("branches", "bundles"):
        out = tmp_path / program
        options = ("--attack", "apgd-t", "--rho", "8/255", "--program", program)
        status, _, err = ntknas("score", "--archs", "0,9930", "--out", out, *TINY, *options)
        assert status == 0, err
        assert "attack apgd-t, 2 steps at rho 8/255" in err
        found[program] = Run(out).table().set_index(["id", "kernel", "beta"])["trace"]
    robust = found["branches"].xs("robust", level="kernel")
    clean = found["branches"].xs("clean", level="kernel")
    assert (abs(robust.to_numpy() / clean.to_numpy() - 1) > 1e-3).all()
    # Rounding can turn the choice of a target or of a best point, which moves one image.
    np.testing.assert_allclose(found["bundles"], found["branches"], rtol=1e-2)


def test_run_is_what_was_asked_for(finished):
    run = Run(finished)
    assert len(run.ids) == 12
    assert run.spec.rhos == (3 / 255, 8 / 255)
    assert run.spec.network.channels == 4


def test_says_what_it_does_and_what_is_done_already(ntknas, finished):
    status, out, err = ntknas("score", "--archs", ARCHS, "--out", finished, *TINY)
    assert status == 0
    assert out == f"run: {finished} (12 architectures)\n"
    assert "6 cifar10 images (embedded sample)" in err
    assert "norm image" in err
    assert "pgd, 2 steps at rho 3/255, 8/255" in err
    assert f"12 architectures into {finished}; 12 there already" in err
    assert f"ntknas rank {finished}" in err


@pytest.mark.parametrize(
    ("archs", "complaint"),
    [
        ("banana", "banana"),
        ("|nor_conv_3x3~0|+|none~0|", "architecture string"),
        ("|nor_conv_5x5~0|+|none~0|none~1|+|none~0|none~1|none~2|", "nor_conv_5x5"),
        ("15625", "15625"),
        ("-1", "-1"),
        ("code:555555", "555555"),
        ("random:0", "random:0"),
        ("@no-such-file", "no-such-file"),
        ("", "expected"),
    ],
)
def test_bad_architectures(refused, tmp_path, archs, complaint):
    assert complaint in refused("score", f"--archs={archs}", "--out", tmp_path / "run", *TINY)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--batch-size", "321"], "320"),
        (["--batch-size", "32", "--balance", "exact"], "multiple of 10"),
        (["--batch-size", "0"], "at least 1"),
        (["--batch-size", "many"], "--batch-size"),
        (["--rho", "-1"], "rho"),
        (["--rho", "8/0"], "8/255"),
        (["--rho", "nan"], "finite"),
        (["--rho", ""], "rho"),
        (["--beta", "0,1.5"], "[0, 1]"),
        (["--beta=-0.1"], "[0, 1]"),
        (["--steps", "0"], "at least 1"),
        (["--step-size", "0"], "positive"),
        (["--seeds", "0"], "at least 1"),
        (["--channels", "0"], "at least 1"),
        (["--norm", "layer"], "layer"),
        (["--kernels", "clean,thrice"], "thrice"),
        (["--attack", "cw"], "cw"),
        (["--dataset", "mnist"], "mnist"),
        (["--dataset", "cifar100"], "cifar100"),
        (["--split", "test"], "test"),
        (["--attack-norm", "none"], "normalisation"),
        (["--data", "no-such-file.npz"], "no-such-file.npz"),
        (["--rhos", "1"], "--rhos"),
    ],
)
def test_bad_settings(refused, tmp_path, options, complaint):
    argv = ["score", "--archs", "0", "--out", tmp_path / "run", *TINY, *options]
    assert complaint in refused(*argv)
    assert not (tmp_path / "run").exists()


def npz(path, pixels, labels):
    np.savez(path, x_train=pixels, y_train=labels)


def write_wrong_shape(path):
    npz(path, np.zeros((20, 28, 28, 3), np.uint8), np.arange(20) % 10)


def write_nan(path):
    pixels = np.zeros((20, 32, 32, 3), np.float32)
    pixels[3, 4, 5, 1] = np.nan
    npz(path, pixels, np.arange(20) % 10)


def write_labels_missing(path):
    npz(path, np.zeros((20, 32, 32, 3), np.uint8), np.arange(19) % 10)


def write_truncated(path):
    npz(path, np.zeros((20, 32, 32, 3), np.uint8), np.arange(20) % 10)
    path.write_bytes(path.read_bytes()[:300])


def write_html(path):
    path.write_text("<!DOCTYPE html><html>not an archive</html>")


@pytest.mark.parametrize(
    "write", [write_wrong_shape, write_nan, write_labels_missing, write_truncated, write_html]
)
def test_bad_npz(refused, tmp_path, write):
    data = tmp_path / "images.npz"
    write(data)
    argv = ["score", "--archs", "0", "--out", tmp_path / "run", *TINY, "--data", data]
    assert "images.npz" in refused(*argv)
    assert not (tmp_path / "run").exists()


def test_truncated_pickles(refused, tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    batch = {b"data": np.zeros((10, 3072), np.uint8), b"labels": list(range(10))}
    for number in range(1, 6):
        (folder / f"data_batch_{number}").write_bytes(pickle.dumps(batch)[:200])
    argv = ["score", "--archs", "0", "--out", tmp_path / "run", *TINY, "--data", folder]
    assert "data_batch_1" in refused(*argv)


def test_truncated_archive(refused, tmp_path):
    data = tmp_path / "cifar-10-python.tar.gz"
    data.write_bytes(gzip.compress(b"x" * 5000)[:20])
    argv = ["score", "--archs", "0", "--out", tmp_path / "run", *TINY, "--data", data]
    assert "cifar-10-python.tar.gz" in refused(*argv)


def test_a_run_goes_on_with_its_own_settings(ntknas, refused, finished):
    """Without options that set any; with one of them, the others are those of the preset."""
    status, out, err = ntknas("score", "--archs", ARCHS, "--out", finished)
    assert (status, out) == (0, f"run: {finished} (12 architectures)\n")
    assert err.startswith(f"settings of the run in {finished}:\n6 cifar10 images")
    assert "12 there already" in err
    assert "seeds: 1 / 3" in refused("score", "--archs", "0", "--out", finished, "--cells", "1")


def test_smaller_images(ntknas, refused, tmp_path):
    """The run goes on with its size, and refuses another one."""
    argv = ("score", "--out", tmp_path / "run", "--archs")
    network = ("--channels", "2", "--cells", "1", "--batch-size", "4", "--seeds", "1")
    status, _, err = ntknas(*argv, "0", "--image-size", "8", "--parts", "none", *network)
    assert status == 0, err
    assert "embedded sample, 8 x 8" in err
    run = Run(tmp_path / "run")
    assert run.spec.cell_network.image_size == 8
    images = load_images().shrunk(8)
    expected = score([0], out=tmp_path / "again", spec=run.spec, images=images)
    assert_frame_equal(run.scores(), expected.scores())
    status, out, _ = ntknas(*argv, "0")
    assert (status, out) == (0, f"run: {tmp_path / 'run'} (1 architectures)\n")
    assert "network.image_size: 8 / 16" in refused(*argv, "0", "--image-size", "16")
    assert "a side that divides 32 pixels, got 0" in refused(*argv, "0", "--image-size", "0")


def test_another_spec_into_the_same_folder(refused, finished):
    argv = ["score", "--archs", "0", "--out", finished, *TINY, "--steps", "3"]
    error = refused(*argv)
    assert "attack.steps: 2 / 3" in error
    assert len(Run(finished).ids) == 12


def test_folder_is_a_file(refused, tmp_path):
    (tmp_path / "run").write_text("something of mine")
    refused("score", "--archs", "0", "--out", tmp_path / "run", *TINY)
    assert (tmp_path / "run").read_text() == "something of mine"


def count(folder):
    connection = sqlite3.connect(folder / "run.sqlite")
    (found,) = connection.execute("SELECT count(*) FROM architecture").fetchone()
    connection.close()
    return found


def stop(command, line, number):
    """Start the program, send a signal once stderr has a line like this, return its end."""
    process = subprocess.Popen(
        [PROGRAM, *command],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )
    assert process.stderr is not None
    assert any(line in said for said in process.stderr)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert out == ""
    assert err.splitlines()[-1].endswith("the same command resumes")
    assert "Traceback" not in err
    return process.returncode


@pytest.mark.slow
def test_stopped_run_is_resumed(ntknas, finished, tmp_path):
    """SIGTERM while XLA compiles, Ctrl-C later, the rest in this process: the same numbers."""
    folder = tmp_path / "run"

    # The settings of the finished run: this process has compiled them already.
    def command(count):
        return ["score", "--archs", f"random:{count}", "--out", str(folder), *TINY]

    # So many that no machine ends before the signal comes; a smaller draw is the start of this one.
    assert stop(command(6000), "compiling", signal.SIGTERM) == 143
    assert count(folder) == 0
    assert stop(command(6000), "1 of 6000 architectures", signal.SIGINT) == 130
    done = count(folder)
    assert 1 <= done < 6000
    total = max(done, 12) + 5
    status, _, err = ntknas(*command(total))
    assert status == 0
    assert f"{total} architectures into {folder}; {done} there already" in err
    scores, expected = Run(folder).scores(), Run(finished).scores()
    same = scores.loc[expected.index, "cond@clean"]
    np.testing.assert_allclose(same, expected["cond@clean"], rtol=1e-3)
