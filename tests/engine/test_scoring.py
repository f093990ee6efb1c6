"""One program for the space; numbers that depend on the spec alone; kills, locks and full disks."""

import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import ntknas
from ntknas.engine import branches, fit_spec
from ntknas.errors import InputError
from ntknas.images import ImageSet, load_images
from ntknas.kernel import Batch, Logits
from ntknas.layers import Norm
from ntknas.runs.store import Store
from ntknas.spaces.nasbench201 import Architecture, architectures
from tests.engine.tiny import (
    CLEAN,
    CONSTANT,
    NOT_REPRESENTATIVE,
    REPRESENTATIVE,
    TINY,
    TWENTY,
    programs,
    table_of,
)

FEW = [*architectures(TWENTY)[:3], CONSTANT, NOT_REPRESENTATIVE]
FEW_IDS = [a.id for a in architectures(FEW)]


def same_numbers(run, expected, ids=FEW_IDS):
    """Both runs hold the same bits for these architectures."""
    assert_frame_equal(table_of(run, ids), table_of(expected, ids), check_exact=True)
    for index in ids:
        for rho in run.spec.rhos:
            found = run.kernels(index, rho=rho, seed=1).gram
            np.testing.assert_array_equal(found, expected.kernels(index, rho=rho, seed=1).gram)


def test_twenty_architectures_two_radii_two_seeds_are_one_program(undisturbed):
    assert len(undisturbed.run.ids) == 20
    assert undisturbed.compiled.count("jit(gram_of)") == 1
    assert undisturbed.cached == 1


def test_settings_that_are_data_need_no_program_of_their_own(undisturbed):
    spec = replace(TINY, seeds=1, rhos=(1 / 255, 16 / 255), betas=(0.25,))
    with programs() as compiled:
        run = ntknas.score(5, spec=spec)
    assert "jit(gram_of)" not in compiled
    assert set(run.table()["rho"].dropna()) == {1 / 255, 16 / 255}


def test_a_seed_gives_the_same_numbers_whatever_the_other_settings_are(run):
    spec = replace(TINY, seeds=1, betas=(0.5,))
    other = ntknas.score(FEW, spec=spec).table()
    table = table_of(run, FEW_IDS)
    here = table[(table["seed"] == 0) & (table["beta"].isna() | (table["beta"] == 0.5))]
    assert_frame_equal(other, here.reset_index(drop=True), check_exact=True)


def test_order_does_not_matter(run):
    same_numbers(ntknas.score(FEW[::-1], spec=TINY), run)


def test_chunks_do_not_matter_and_a_run_can_be_extended(run, tmp_path):
    for chunk in (FEW[:1], FEW[1:4], FEW):
        again = ntknas.score(chunk, out=tmp_path, spec=TINY)
    same_numbers(again, run)


def test_a_run_is_repeated_bit_for_bit(run):
    ids = run.ids
    same_numbers(ntknas.score(TWENTY, spec=TINY), run, ids)


def test_seeds_differ(run):
    table = run.table()
    table = table[table["id"] != CONSTANT]
    first, second = (table[table["seed"] == seed]["lambda_min"].to_numpy() for seed in (0, 1))
    assert (first != second).all()
    assert run.indices(0).tolist() != run.indices(1).tolist()


def test_an_interrupted_call_stops_at_once_and_resumes(run, tmp_path):
    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ntknas.score(FEW, out=tmp_path, spec=TINY, on_progress=interrupt)
    assert len(ntknas.Run(tmp_path).ids) == 2
    same_numbers(ntknas.score(FEW, out=tmp_path, spec=TINY), run)


# Half a second after each, so that the process is still there when it has finished a few.
SCRIPT = """
import time
import ntknas
from ntknas.attack import AttackSpec
from ntknas.network import NetworkSpec
spec = ntknas.ScoringSpec(
    batch_size=6, seeds=2, network=NetworkSpec(channels=4, cells=1, norm="image"),
    attack=AttackSpec(steps=2),
)
ntknas.score({ids}, out={out!r}, spec=spec, on_progress=lambda done, total: time.sleep(0.5))
"""


def num_finished(folder: Path) -> int:
    try:
        return len(Store.read(folder).done())
    except InputError:
        return 0


def test_kill_9_loses_no_finished_architecture_and_resumes_to_the_same_table(run, tmp_path):
    ids = [a.id for a in architectures(TWENTY)]
    script = SCRIPT.format(ids=ids, out=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)
    try:
        patience = time.monotonic() + 300
        while num_finished(tmp_path) < 3:
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            assert time.monotonic() < patience
            time.sleep(0.02)
        with pytest.raises(InputError, match=f"another process is writing to {tmp_path}"):
            ntknas.score(FEW, out=tmp_path, spec=TINY)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    left = ntknas.Run(tmp_path)
    assert 3 <= len(left.ids) < 20
    same_numbers(left, run, left.ids)  # whole architectures, and nothing else
    resumed = ntknas.score(TWENTY, out=tmp_path, spec=TINY)
    assert_frame_equal(resumed.table(), run.table(), check_exact=True)
    same_numbers(resumed, run, run.ids)


def test_nothing_is_computed_for_what_the_folder_holds(run, monkeypatch):
    monkeypatch.setattr(branches, "gram_of", None)
    seen: list[tuple[int, int]] = []
    again = ntknas.score(FEW, out=run.folder, spec=TINY, on_progress=lambda *p: seen.append(p))
    assert seen == [(5, 5)]
    assert len(again.ids) == 20


def test_progress_counts_every_architecture(tmp_path):
    seen: list[tuple[int, int]] = []
    ntknas.score(FEW[:1], out=tmp_path, spec=TINY)
    ntknas.score(FEW[:3], out=tmp_path, spec=TINY, on_progress=lambda *p: seen.append(p))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_no_second_writer(tmp_path):
    with (
        Store.write(tmp_path),
        pytest.raises(InputError, match=f"another process is writing to {tmp_path}"),
    ):
        ntknas.score(FEW, out=tmp_path, spec=TINY)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"batch_size": 7}, "batch_size: 6 / 7"),
        ({"seeds": 3}, "seeds: 2 / 3"),
        ({"rhos": (8 / 255,)}, "rhos: 3/255,8/255 / 8/255"),
        ({"betas": ()}, "betas: 0,0.5,1 / none"),
        (
            {"batches": (Batch.CLEAN, Batch.ATTACKED)},
            "batches: clean,attacked,twice_attacked / clean,attacked",
        ),
        ({"parameters": "weights"}, "parameters: all / weights"),
        ({"logits": Logits.TRACE}, "logits: sum / trace"),
        ({"attack_norm": Norm.BATCH}, "attack_norm: image / batch"),
        ({"attack": replace(TINY.attack, steps=3)}, "attack.steps: 2 / 3"),
        ({"network": replace(TINY.network, cells=2)}, "network.cells: 1 / 2"),
    ],
)
def test_a_folder_never_mixes_two_specs(run, changed, named):
    before = run.table()
    with pytest.raises(InputError) as error:
        ntknas.score(FEW, out=run.folder, spec=replace(TINY, **changed))
    assert str(error.value) == (
        f"{run.folder} holds a run with other settings (in the folder / asked for): {named}"
    )
    assert_frame_equal(run.table(), before)


def test_a_folder_never_mixes_images_and_names_every_difference(run):
    sample = load_images()
    half = ImageSet(
        "cifar10", sample.pixels[::2], sample.labels[::2], sample.indices[::2], "half the sample"
    )
    with pytest.raises(InputError) as error:
        ntknas.score(FEW, out=run.folder, spec=replace(TINY, seeds=1), images=half)
    message = str(error.value)
    assert f"images_sha256: {sample.sha256[:12]} / {half.sha256[:12]}; seeds: 2 / 1" in message
    assert "\n" not in message


@pytest.mark.usefixtures("float64")
def test_a_folder_never_mixes_arithmetics(run):
    with pytest.raises(InputError, match="dtype: float32 / float64$"):
        ntknas.score(FEW, out=run.folder, spec=TINY)


def test_a_full_disk_is_one_line_and_the_run_resumes(run, tmp_path):
    ntknas.score(FEW[:1], out=tmp_path, spec=TINY)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = (tmp_path / "run.sqlite").stat().st_size + 6_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OSError, match="the run can be resumed$") as error:
            ntknas.score(TWENTY, out=tmp_path, spec=TINY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(error.value).startswith(f"cannot write to {tmp_path}: ")
    left = ntknas.Run(tmp_path)
    assert 1 <= len(left.ids) < 20
    same_numbers(left, run, left.ids)
    same_numbers(ntknas.score(FEW, out=tmp_path, spec=TINY), run)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for folder in (file, file / "below", Path("/proc/ntknas")):
        with pytest.raises(InputError) as error:
            ntknas.score(FEW, out=folder, spec=TINY)
        assert str(error.value).startswith(f"cannot write to {folder}: ")
        assert "\n" not in str(error.value)


def test_bad_requests_leave_no_folder_behind(tmp_path):
    folder = tmp_path / "new"
    for archs, spec in (("nothing", TINY), (FEW, replace(TINY, batch_size=321))):
        with pytest.raises(InputError):
            ntknas.score(archs, out=folder, spec=spec)
    assert not folder.exists()


def test_an_id_that_is_no_representative_is_scored_as_itself(run):
    table = run.table().set_index("id")
    itself = Architecture.from_id(NOT_REPRESENTATIVE)
    assert itself.representative.id == REPRESENTATIVE
    assert set(table.loc[NOT_REPRESENTATIVE, "architecture"]) == {itself.string}
    ours, theirs = (run.kernels(i, rho=8 / 255) for i in (NOT_REPRESENTATIVE, REPRESENTATIVE))
    assert not np.allclose(ours.clean, theirs.clean, rtol=1e-2)


def test_a_run_describes_itself(run):
    assert run.spec == fit_spec(TINY, load_images())
    facts = {"spec", "dtype", "images", "ntknas", "jax", "device", "program", "scores"}
    assert set(run.meta) == facts
    assert run.meta["program"] == "branches"  # tests run on CPUs
    assert run.meta["scores"] == "{}"
    assert run.meta["dtype"] == "float32"
    assert run.meta["ntknas"] == ntknas.__version__
    assert run.meta["images"] == "embedded sample"
    assert (run.seconds > 0).all()
    assert run.seconds.index.tolist() == run.ids


def test_fit_spec_takes_from_the_images_what_they_decide():
    rng = np.random.default_rng(0)
    images = ImageSet(
        "imagenet16",
        rng.integers(0, 256, (12, 16, 16, 3), np.uint8),
        np.arange(12),
        np.arange(12),
        "made here",
    )
    spec = fit_spec(CLEAN, images)
    assert (spec.dataset, spec.images_sha256) == ("imagenet16", images.sha256)
    assert (spec.network.classes, spec.network.image_size) == (120, 16)
    np.testing.assert_allclose(spec.network.mean, np.array([122.68, 116.66, 104.01]) / 255)
    np.testing.assert_allclose(spec.network.std, np.array([63.22, 61.26, 65.09]) / 255)
    kept = replace(spec, dataset="cifar10", images_sha256="", network=CLEAN.network)
    assert kept == CLEAN
