"""The store: whole architectures, one writer, readers at any time, clear lines for bad files."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.runs import Run
from ntknas.runs.migrations import SCHEMA
from ntknas.runs.store import DATABASE, GramRecord, Store
from ntknas.scores import ScoreKind, score_names
from ntknas.spaces import NetworkTable
from ntknas.spaces.nasbench201 import NASBENCH201, Architecture
from tests.engine.tiny import CLEAN, CONSTANT, TINY, add_made_up, made_up

META = {"spec": TINY.to_json(), "dtype": "float32"}
LINEAR: Any = (lambda params, images: images, {})
BATCHES = [(seed, "[0, 1, 2, 3, 4, 5]", "[0, 1, 0, 1, 0, 1]") for seed in range(2)]


def begin(store):
    store.begin(META, BATCHES)


def read_all(store):
    """Columns and rows of the score table; None where a score is missing."""
    columns, groups = store.score_rows()
    return columns, [
        (*key, *(None if np.isnan(value) else value for value in values))
        for rows in groups
        for key, values in zip(rows.keys, rows.data.tolist(), strict=True)
    ]


def add(store, index):
    add_made_up(store, TINY, index)


def write(folder, ids):
    with Store.write(folder) as store:
        begin(store)
        for index in ids:
            add(store, index)


@contextlib.contextmanager
def killed(folder, ids):
    """A copy of the folder as a killed writer leaves it, log and all."""
    with Store.write(folder / "writing") as store:
        begin(store)
        for index in ids:
            add(store, index)
        shutil.copytree(folder / "writing", folder / "killed")
    yield folder / "killed"


@contextlib.contextmanager
def read_only(source):
    """A copy of a folder that this process may read and not write, even if it is root's."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "run"
        shutil.copytree(source, folder)
        for path, mode in ((Path(parent), 0o755), *((file, 0o444) for file in folder.iterdir())):
            path.chmod(mode)
        folder.chmod(0o555)
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        try:
            assert not os.access(folder, os.W_OK, effective_ids=True)
            yield folder
        finally:
            os.seteuid(before)
            folder.chmod(0o755)


def one_line(error, start):
    assert str(error.value).startswith(start)
    assert "\n" not in str(error.value)


def test_what_goes_in_comes_out(tmp_path):
    write(tmp_path, [7, CONSTANT, 3])
    store = Store.read(tmp_path)
    assert store.meta() == META
    assert store.batches() == {seed: (indices, labels) for seed, indices, labels in BATCHES}
    assert store.done() == {3, 7, CONSTANT}
    assert store.score_columns() == list(score_names(ScoreKind.KERNEL))
    columns, rows = read_all(store)
    assert columns == [
        *("id", "seed", "position", "kernel", "part", "rho", "beta", "status"),
        *store.score_columns(),
    ]
    for index in (3, 7, CONSTANT):
        records = made_up(TINY, index)
        found = list(store.grams(index, np.dtype(np.float32)))
        assert [(label, g.seed, g.rho) for label, g in found] == [
            (index, g.seed, g.rho) for g in records["grams"]
        ]
        for (_, stored), record in zip(found, records["grams"], strict=True):
            np.testing.assert_array_equal(stored.gram, record.gram)
            assert stored.layer_cosine is None
            assert stored.parts == {}
        assert [row for row in rows if row[0] == index] == [
            (index, seed, position, *row[:-1], *map(row.scores.get, store.score_columns()))
            for seed, of_seed in records["scores"]
            for position, row in enumerate(of_seed)
        ]
    assert [label for label, *_ in rows] == sorted(label for label, *_ in rows)
    everything = [index for index, *_ in store.grams(None, np.dtype(np.float32))]
    assert everything == [3] * 4 + [7] * 4 + [CONSTANT] * 4
    assert store.proxy_rows()[1] == []


def test_parts_go_in_and_come_out_in_their_order(tmp_path):
    """Of an architecture with parts between two without."""
    rng = np.random.default_rng(0)

    def matrix():
        rows = rng.normal(size=(18, 20)).astype(np.float32)
        return rows @ rows.T

    records = made_up(TINY, 5)
    with_parts = [
        record._replace(layer_cosine=matrix(), parts={"stem": matrix(), "head": matrix()})
        for record in records["grams"]
    ]
    write(tmp_path, [3, 7])
    with Store.write(tmp_path) as store:
        architecture = Architecture.from_id(5)
        records = {**records, "grams": with_parts}
        store.add(architecture, seconds=1.0, counts={"params": 1.0}, **records)
    store = Store.read(tmp_path)
    found = list(store.grams(None, np.dtype(np.float32)))
    assert [label for label, _ in found] == [3] * 4 + [5] * 4 + [7] * 4
    for (_, stored), record in zip(found[4:8], with_parts, strict=True):
        np.testing.assert_array_equal(stored.layer_cosine, record.layer_cosine)
        assert list(stored.parts) == ["stem", "head"]
        for name, part in record.parts.items():
            np.testing.assert_array_equal(stored.parts[name], part)
    assert all(not stored.parts for label, stored in found if label != 5)


def test_every_architecture_is_described(tmp_path):
    write(tmp_path, [7, CONSTANT])
    described = Store.read(tmp_path).descriptions()
    assert set(described) == {7, CONSTANT}
    for index, description in described.items():
        architecture = Architecture.from_id(int(index))
        assert description.string == architecture.string
        assert description.constant == (index == CONSTANT)
        assert description.counts == NASBENCH201.counts(architecture, TINY.sizes)
        assert description.seconds == 0.5


def test_labels_are_whole_numbers_and_texts_side_by_side(tmp_path):
    own = NetworkTable({"deep, wide": LINEAR, 7: LINEAR, "12": LINEAR, "a": LINEAR})
    networks = own.parse("all")
    spec = replace(TINY, space=own.name, network=None, coupled=False, attack_norm=None)
    with Store.write(tmp_path) as store:
        store.begin(META | {"spec": spec.to_json()}, BATCHES)
        for number, network in enumerate(networks):
            store.add(
                network, seconds=float(number), counts={"params": 1.5}, **made_up(TINY, number)
            )
    store = Store.read(tmp_path)
    labels = [7, "12", "a", "deep, wide"]  # as SQLite orders them
    assert store.done() == set(labels)
    assert {label: d.string for label, d in store.descriptions().items()} == {
        label: str(label) for label in labels
    }
    dtype = np.dtype(np.float32)
    assert [label for label, *_ in store.grams(None, dtype)][::4] == labels
    assert [label for label, *_ in store.grams("12", dtype)] == ["12"] * 4
    assert list(store.grams(12, dtype)) == []
    run = Run(tmp_path)
    assert run.ids == labels
    assert run.table()["id"].drop_duplicates().tolist() == labels
    assert run.scores().index.tolist() == run.seconds.index.tolist() == labels
    assert run.seconds.tolist() == [1.0, 2.0, 3.0, 0.0]
    assert run.kernels("12", rho=8 / 255).gram.shape == (18, 18)


def test_proxies_go_in_and_come_out_by_name(tmp_path):
    names = list(score_names(ScoreKind.PROXY))
    proxies = [(seed, {name: seed + i / 8 for i, name in enumerate(names)}) for seed in range(2)]
    with Store.write(tmp_path) as store:
        begin(store)
        shuffled = [(seed, dict(reversed(values.items()))) for seed, values in proxies]
        add_made_up(store, TINY, 3, proxies=shuffled)
        add_made_up(store, TINY, 5)
    columns, rows = Store.read(tmp_path).proxy_rows()
    assert columns == ["id", "seed", *names]
    assert rows == [(3, seed, *values.values()) for seed, values in proxies]


def test_an_architecture_is_stored_whole_or_not_at_all(tmp_path):
    with Store.write(tmp_path) as store:
        begin(store)
        scores = made_up(TINY, 1)["scores"]
        with pytest.raises(InputError, match="cannot write the run"):
            add_made_up(store, TINY, 1, scores=[*scores, scores[0]])  # the last rows are twice
        assert store.done() == set()
        assert list(store.grams(None, np.dtype(np.float32))) == []
        add(store, 1)
        with pytest.raises(InputError, match="cannot write the run"):
            add(store, 1)
        assert store.done() == {1}


def test_scores_are_added_to_a_table_whole_or_not_at_all(tmp_path):
    write(tmp_path, [7, 3])
    before = read_all(Store.read(tmp_path))
    records = [
        (index, seed, [row._replace(scores={"gap": index + seed / 2}) for row in rows])
        for index in (3, 7)
        for seed, rows in made_up(TINY, index)["scores"]
    ]
    with Store.write(tmp_path) as store:
        with pytest.raises(InputError, match="cannot write the run"):
            store.add_scores(["gap", "cond"], records)  # there is a column of this name
        assert read_all(store) == before
        store.add_scores(["gap"], records)
    columns, rows = read_all(Store.read(tmp_path))
    assert columns == [*before[0], "gap"]
    assert rows == [(*row, row[0] + row[1] / 2) for row in before[1]]


def test_a_score_that_nobody_here_can_compute_stays_missing(tmp_path):
    write(tmp_path, [3])
    with Store.write(tmp_path) as store:
        store.add_scores(["gap"], [])
        add(store, 7)
    columns, rows = read_all(Store.read(tmp_path))
    assert columns[-1] == "gap"
    assert len(rows) == 2 * 2 * 17
    assert {row[-1] for row in rows} == {None}
    table = Run(tmp_path).table()
    assert table["gap"].isna().all()
    assert table["cond"].notna().all()


def test_a_second_writer_is_refused_until_the_first_ends(tmp_path):
    with Store.write(tmp_path):
        with (
            pytest.raises(InputError, match=f"^another process is writing to {tmp_path}$"),
            Store.write(tmp_path),
        ):
            pass
        begin_after_refusal = Store.read(tmp_path).meta()
        assert begin_after_refusal == {}
    write(tmp_path, [1])


def test_a_run_is_read_while_it_is_written(tmp_path):
    with Store.write(tmp_path) as store:
        begin(store)
        add(store, 1)
        reading = Run(tmp_path)
        assert reading.ids == [1]
        add(store, 2)
        assert reading.ids == [1, 2]
        assert set(Run(tmp_path).table()["id"]) == {1, 2}
        rows = reading.sweep([0.5])
        assert len(rows) == 2 * 2 * 2 * 2


def test_a_sweep_meets_architectures_that_were_stored_after_it_began(tmp_path, monkeypatch):
    with Store.write(tmp_path) as store:
        begin(store)
        add(store, 1)
        reading = Run(tmp_path)
        labels = Run.labels

        def late(run, seed=0):
            if len(store.done()) == 1:
                add(store, 2)
            return labels(run, seed)

        monkeypatch.setattr(Run, "labels", late)
        assert set(reading.sweep([0.5])["id"]) == {1, 2}


def test_a_finished_run_is_one_file(tmp_path):
    write(tmp_path / "run", [1, 2])
    assert {file.name for file in (tmp_path / "run").iterdir()} == {DATABASE, "lock"}
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "run" / DATABASE, tmp_path / "copy")
    assert Run(tmp_path / "copy").ids == [1, 2]


def test_a_finished_run_is_read_where_nothing_can_be_written(tmp_path):
    write(tmp_path, [1, 2])
    with read_only(tmp_path) as folder:
        assert Run(folder).ids == [1, 2]
        assert len(Run(folder).table()) == 2 * 2 * 17
        with (
            pytest.raises(InputError, match=f"^cannot write to {folder}: Permission denied$"),
            Store.write(folder),
        ):
            pass


def test_a_killed_run_is_read_where_nothing_can_be_written(tmp_path):
    with killed(tmp_path, [1, 2]) as left, read_only(left) as folder:
        assert {f"{DATABASE}-wal", f"{DATABASE}-shm"} < {file.name for file in folder.iterdir()}
        assert Run(folder).ids == [1, 2]


def test_a_log_that_cannot_be_merged_is_never_ignored(tmp_path):
    with killed(tmp_path, [1, 2]) as left:
        (left / f"{DATABASE}-shm").unlink()
        with read_only(left) as folder, pytest.raises(InputError) as error:
            Run(folder)
        one_line(error, f"cannot read the run in {folder}: {DATABASE}-wal has to be merged")
        assert Run(left).ids == [1, 2]


def test_a_file_that_may_not_be_read_is_one_line(tmp_path):
    write(tmp_path, [1])
    with read_only(tmp_path) as folder:
        user = os.geteuid()
        os.seteuid(os.getuid())
        (folder / DATABASE).chmod(0)
        os.seteuid(user)
        with pytest.raises(InputError) as error:
            Run(folder)
        one_line(error, f"cannot read the run in {folder}: unable to open database file")


@pytest.mark.parametrize("name", ["a#b", "a?mode=rwc", "50%20", "with space", "é"])
def test_folders_of_any_name(tmp_path, name):
    write(tmp_path / name, [1])
    assert Run(tmp_path / name).ids == [1]


def test_a_full_disk_is_one_line_and_the_run_stays(tmp_path):
    with Store.write(tmp_path) as store:
        begin(store)
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages + 10}")

        def fill():
            for index in range(100):
                add(store, index)

        with pytest.raises(OSError, match="the run can be resumed$") as error:
            fill()
        one_line(error, f"cannot write to {tmp_path}: database or disk is full")
        stored = store.done()
        assert 0 < len(stored) < 100
        assert Run(tmp_path).ids == sorted(stored)
    with Store.write(tmp_path) as store:
        add(store, len(stored))
    assert Run(tmp_path).ids == list(range(len(stored) + 1))
    assert len(Run(tmp_path).table()) == 2 * 17 * (len(stored) + 1)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for folder, reason in (
        (file, "File exists"),
        (file / "below", "Not a directory"),
        (Path("/proc/ntknas"), "No such file or directory"),
    ):
        with (
            pytest.raises(InputError, match=f"^cannot write to {folder}: {reason}$"),
            Store.write(folder),
        ):
            pass


def test_no_run_is_one_line(tmp_path):
    for folder in (tmp_path, tmp_path / "missing", Path(__file__)):
        with pytest.raises(InputError, match=f"^no run in {folder}: expected a file {DATABASE}"):
            Run(folder)


def test_a_run_that_never_began_is_empty_and_can_begin(tmp_path):
    for stopped in ("before the tables", "after the tables"):
        folder = tmp_path / stopped
        if stopped == "before the tables":
            folder.mkdir()
            (folder / DATABASE).touch()
        else:
            with Store.write(folder):
                pass
        with pytest.raises(InputError, match="is empty: it was stopped before it began$"):
            Run(folder)
        write(folder, [1])
        assert Run(folder).ids == [1]


def test_a_run_without_architectures_has_no_table(tmp_path):
    write(tmp_path, [])
    empty = Run(tmp_path)
    assert empty.ids == []
    for read in (empty.table, empty.scores, lambda: empty.sweep([0.5])):
        with pytest.raises(InputError, match="holds no finished architecture yet$"):
            read()


def test_a_foreign_database_is_refused_and_left_as_it_was(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute("CREATE TABLE cookies (name TEXT)")
    before = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(InputError, match=f"{DATABASE} is not a run of ntknas$"):
        Run(tmp_path)
    with pytest.raises(InputError, match=f"{DATABASE} is not a run of ntknas$"):
        write(tmp_path, [1])
    assert (tmp_path / DATABASE).read_bytes() == before


def test_a_file_that_is_no_database_is_one_line(tmp_path):
    (tmp_path / DATABASE).write_bytes(b"not a database, but long enough to look at " * 100)
    with pytest.raises(InputError) as error:
        Run(tmp_path)
    one_line(error, f"cannot read the run in {tmp_path}: file is not a database")
    with pytest.raises(InputError) as error:
        write(tmp_path, [1])
    one_line(error, f"cannot write the run in {tmp_path}: file is not a database")


def test_a_damaged_database_is_one_line(tmp_path):
    write(tmp_path, range(20))
    path = tmp_path / DATABASE
    content = bytearray(path.read_bytes())
    for start in range(8192, len(content), 4096):  # every page but the first two
        content[start : start + 512] = os.urandom(512)
    path.write_bytes(content)

    def read_everything():
        run = Run(tmp_path)
        run.table()
        run.sweep([0.5])

    with pytest.raises(InputError) as error:
        read_everything()
    one_line(error, f"cannot read the run in {tmp_path}: database disk image is malformed")


def test_a_clean_run_has_one_gram_per_seed(tmp_path):
    with Store.write(tmp_path) as store:
        store.begin({"spec": CLEAN.to_json(), "dtype": "float32"}, BATCHES[:1])
        add_made_up(store, CLEAN, 4)
    run = Run(tmp_path)
    assert run.kernels(4).gram.shape == (6, 6)
    assert run.table()["kernel"].tolist() == ["clean"]


def test_a_run_of_a_newer_version_is_refused_and_left_as_it_was(tmp_path):
    write(tmp_path, [1])
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
        connection.commit()
    before = (tmp_path / DATABASE).read_bytes()
    message = rf"newer version of ntknas \(schema {SCHEMA + 1}\): expected schema {SCHEMA} or less$"
    with pytest.raises(InputError, match=message):
        Run(tmp_path)
    with pytest.raises(InputError, match=message), Store.write(tmp_path):
        pass
    assert (tmp_path / DATABASE).read_bytes() == before


def test_matrices_take_little_more_than_their_own_bytes(tmp_path):
    """SQLite gives long rows pages of their own in a table without row ids."""
    matrix = np.ones((16, 16), np.float32)
    grams = [GramRecord(seed, 0.0, matrix, matrix) for seed in range(2000)]
    with Store.write(tmp_path) as store:
        begin(store)
        store.add(
            Architecture.from_id(3), seconds=1.0, counts={}, grams=grams, scores=[], proxies=[]
        )
    own = len(grams) * 2 * (16 * 17 // 2) * 4
    assert (tmp_path / DATABASE).stat().st_size < 1.5 * own


def test_ten_readers_see_whole_architectures_while_a_run_grows(tmp_path):
    """Each has a connection of its own; `benchmarks.reliability` does the same with processes."""
    records = made_up(CLEAN, 3)
    ids = range(30)
    rows = len(CLEAN.kernel_rows())
    grown, faults, reads = threading.Event(), [], []

    def read():
        most = 0
        while not grown.is_set():
            store = Store.read(tmp_path)
            counts = [len(group.keys) for group in store.score_rows()[1]]
            grams = [label for label, _ in store.grams(None, np.dtype(np.float32))]
            if set(counts) - {rows} or not most <= len(counts) <= len(grams):
                faults.append((most, counts, len(grams)))
            most = len(grams)
            reads.append(most)

    with Store.write(tmp_path) as store:
        begin(store)
        readers = [threading.Thread(target=read) for _ in range(10)]
        for reader in readers:
            reader.start()
        try:
            for index in ids:
                store.add(Architecture.from_id(index), seconds=1.0, counts={}, **records)
                time.sleep(0.005)
        finally:
            grown.set()
            for reader in readers:
                reader.join()
    assert faults == []
    assert len(reads) > 10
    assert Store.read(tmp_path).done() == set(ids)
