"""Checksums: a damaged run is read as it was, or refused in one line, never with other numbers."""

import contextlib
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reliability import content, damaged
from ntknas.errors import InputError
from ntknas.runs import Run, Store
from ntknas.runs.checksums import TABLES
from ntknas.runs.store import DATABASE
from ntknas.scores import ScoreKind, score_names
from tests.engine.tiny import TINY, add_made_up, change_tables, made_up

SPEC = replace(TINY, batch_size=4, parts="groups", zero_cost=True, rhos=(8 / 255,))
IDS = (3, 7, 5000)
DTYPE = np.dtype(np.float32)
NUM_DAMAGED = 120


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that has every table."""
    folder = tmp_path_factory.mktemp("whole")
    names = score_names(ScoreKind.PROXY)
    with Store.write(folder) as store:
        batches = [(seed, "[0, 1, 2, 3]", "[0, 1, 0, 1]") for seed in range(2)]
        store.begin({"spec": SPEC.to_json(), "dtype": "float32", "scores": "{}"}, batches)
        for index in IDS:
            grams = [
                record._replace(layer_cosine=record.gram / 2, parts={"stem": record.gram / 3})
                for record in made_up(SPEC, index)["grams"]
            ]
            proxies = [(seed, {n: index + seed / 7 for n in names}) for seed in range(2)]
            add_made_up(store, SPEC, index, grams=grams, proxies=proxies)
    return folder


def refused(folder, read):
    """What `read` returns; None if it refuses the folder in one line."""
    try:
        return read(folder)
    except InputError as error:
        message = str(error)
    assert "\n" not in message
    assert str(folder) in message
    return None


def changed(whole, folder, statement):
    """Make a copy of the run that another program has changed."""
    for file in folder.glob(f"{DATABASE}*"):
        file.unlink()
    shutil.copy(whole / DATABASE, folder)
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        connection.execute(statement)


def test_damage_anywhere_is_refused_or_harmless(whole, tmp_path):
    expected, stored = content(whole), (whole / DATABASE).read_bytes()
    rng = np.random.default_rng(0)
    outcomes = []
    for number in range(NUM_DAMAGED):
        (tmp_path / DATABASE).write_bytes(damaged(stored, rng))
        found = refused(tmp_path, content)
        assert found in (None, expected), number
        outcomes.append(found is None)
    assert 0.5 * NUM_DAMAGED < sum(outcomes) < NUM_DAMAGED


def test_writing_to_a_damaged_run_loses_nothing_more(whole, tmp_path):
    """A writer either refuses it or adds to it; the rest stays as it was or is refused."""
    stored = (whole / DATABASE).read_bytes()
    rng = np.random.default_rng(1)

    def grow(folder):
        with Store.write(folder) as store:
            if not store.meta():
                return "begins anew"
            if 9 not in store.done():
                add_made_up(store, SPEC, 9)
        return "grown"

    for number in range(NUM_DAMAGED // 3):
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
        (tmp_path / DATABASE).write_bytes(damaged(stored, rng))
        outcome = refused(tmp_path, grow)
        if outcome == "begins anew":
            assert not (tmp_path / DATABASE).stat().st_size, number
        found = refused(tmp_path, lambda folder: Run(folder).kernels(7, rho=8 / 255).gram)
        if found is not None:
            np.testing.assert_array_equal(found, Run(whole).kernels(7, rho=8 / 255).gram)


def test_a_damaged_log_counts_up_to_the_damage(whole, tmp_path):
    """As after a power cut: the first transactions, each of them whole."""
    with Store.write(tmp_path / "writing") as store:
        source = Store.read(whole)
        batches = [(seed, *texts) for seed, texts in source.batches().items()]
        store.begin(source.meta(), batches)
        for index in IDS:
            add_made_up(store, SPEC, index)
        shutil.copytree(tmp_path / "writing", tmp_path / "killed")
    log = tmp_path / "killed" / f"{DATABASE}-wal"
    stored, rows = log.read_bytes(), {}
    for index in IDS:
        rows[index] = [
            g.gram.tobytes() for _, g in Store.read(tmp_path / "writing").grams(index, DTYPE)
        ]
    rng = np.random.default_rng(2)
    seen = set()
    for number in range(NUM_DAMAGED // 3):
        for file in (tmp_path / "killed").glob(f"{DATABASE}*"):
            file.unlink()
        shutil.copy(tmp_path / "writing" / DATABASE, tmp_path / "killed")
        log.write_bytes(damaged(stored, rng))
        found = refused(tmp_path / "killed", lambda folder: Run(folder).ids)
        seen.add(len(found or ()))
        assert found is None or found == list(IDS[: len(found)]), number
        for index in found or ():
            store = Store.read(tmp_path / "killed")
            assert [g.gram.tobytes() for _, g in store.grams(index, DTYPE)] == rows[index], number
    assert len(seen) > 2


@pytest.mark.parametrize("table", list(TABLES))
def test_each_table_is_covered(table, whole, tmp_path):
    """A row that goes, comes or changes is found, and the line says where."""
    what = TABLES[table].what
    last = TABLES[table].order[-1]
    expected = f"is damaged: checksum of the {what}"
    if TABLES[table].per_label:
        expected += " of architecture '7'"
    where = "WHERE id = 7" if TABLES[table].per_label else ""
    for statement in (
        f"DELETE FROM {table} {where}",
        f"UPDATE {table} SET {last} = {last} || '123' {where}",
        f"ALTER TABLE {table} ADD COLUMN extra REAL",
    ):
        changed(whole, tmp_path, statement)
        with pytest.raises(InputError) as error:
            content(tmp_path)
        if "ALTER" not in statement and table != "architecture":
            assert expected in str(error.value)


def test_a_flipped_bit_of_a_number_is_named(whole, tmp_path):
    changed(whole, tmp_path, "UPDATE score SET cond = cond * (1 + 1e-15) WHERE id = 7 AND seed = 1")
    with pytest.raises(InputError) as error:
        Run(tmp_path).table()
    assert str(error.value) == (
        f"{tmp_path / DATABASE} is damaged: checksum of the scores of architecture '7'; "
        "restore a copy of the file, or score again into another folder"
    )
    assert Run(tmp_path).kernels(7, rho=8 / 255).gram.shape == (12, 12)  # untouched


def test_checksums_that_are_lost_are_no_licence(whole, tmp_path):
    """A run of today without the table of checksums, or that says an older schema, is damaged."""
    for statement, said in (
        ("DROP TABLE checksum", "the table checksum is missing"),
        ("PRAGMA user_version = 4", "it says schema 4"),
        ("DELETE FROM checksum", "checksum of the settings"),
        ("DELETE FROM meta", "checksum of the settings"),
    ):
        changed(whole, tmp_path, statement)
        with pytest.raises(InputError, match=f"run.sqlite is damaged: {said}"):
            Run(tmp_path)
        with pytest.raises(InputError, match=r"run.sqlite is damaged"), Store.write(tmp_path) as s:
            s.meta()


def test_checksums_of_another_version_count_after_sealing(whole, tmp_path):
    shutil.copy(whole / DATABASE, tmp_path)
    change_tables(tmp_path, "UPDATE score SET cond = 2.0 WHERE id = 7")
    assert (Run(tmp_path).table().query("id == 7")["cond"] == 2.0).all()


def test_damage_to_an_older_run_is_never_a_traceback(tmp_path):
    """It has no checksums: other numbers are possible, other exceptions are not."""
    old = Path(__file__).parents[1] / "golden" / "version_0_1_0" / "image" / DATABASE
    rng = np.random.default_rng(3)
    outcomes = []
    for _ in range(60):
        (tmp_path / DATABASE).write_bytes(damaged(old.read_bytes(), rng))
        outcomes.append(refused(tmp_path, content) is None)
    assert 0 < sum(outcomes) < 60
