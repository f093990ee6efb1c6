"""Runs of version 0.1.0 are read as they lie, and take the steps in the file when they grow."""

import contextlib
import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

import ntknas
from ntknas.errors import InputError
from ntknas.kernel import Batch
from ntknas.runs import Run, ScoringSpec, Store, migrations
from ntknas.runs.migrations import MIGRATIONS, SCHEMA, Migration, migrate_settings
from ntknas.runs.store import DATABASE
from ntknas.scores import SCORES
from ntknas.spaces.nasbench201 import NASBENCH201, Architecture
from tests.engine.tiny import CLEAN, add_made_up, change_tables
from tests.golden.later import without_later

OLD = Path(__file__).parents[1] / "golden" / "version_0_1_0"
NAMES = sorted(path.parent.name for path in OLD.glob(f"*/{DATABASE}"))
every_run = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def copy_of(tmp_path):
    """A function from a run's name to a copy that may be written to."""

    def copy(name):
        shutil.copy(OLD / name / DATABASE, tmp_path)
        return tmp_path

    return copy


def opened(folder):
    return contextlib.closing(sqlite3.connect(folder / DATABASE))


def content(folder):
    """Schema and everything else in a folder's database."""
    with opened(folder) as connection:
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
        return schema, list(connection.iterdump())


def exported(run):
    return run.table().to_csv(index=False, lineterminator="\n")


def test_there_are_runs_of_every_mode():
    assert len(NAMES) == 13
    assert [step.schema for step in MIGRATIONS] == list(range(1, SCHEMA + 1))


@every_run
def test_an_old_run_is_read_as_it_lies(name):
    folder = OLD / name
    files, before = sorted(folder.iterdir()), (folder / DATABASE).read_bytes()
    run = Run(folder)
    assert without_later(exported(run)) == (folder / "export.csv").read_text()
    assert run.space == run.scores().attrs["space"] == "nasbench201"
    cells = [Architecture.from_id(int(index)) for index in run.ids]
    assert run.strings == {cell.id: cell.string for cell in cells}
    assert run.constant_ids() == [cell.id for cell in cells if cell.is_constant] != []
    assert run.kernels(run.ids[0], rho=(run.spec.rhos or (None,))[0]).batches == run.spec.batches
    assert (sorted(folder.iterdir()), (folder / DATABASE).read_bytes()) == (files, before)


@every_run
def test_writing_takes_the_steps_in_the_file(name, copy_of):
    folder = copy_of(name)
    old = Run(OLD / name)
    assert content(folder)[0] == 0
    with Store.write(folder) as store:
        assert store.done() == set(old.ids)
    migrated = content(folder)
    assert migrated[0] == SCHEMA
    with opened(folder) as connection:
        rows = connection.execute("SELECT id, string, constant, counts FROM architecture")
        described = {index: (string, constant, counts) for index, string, constant, counts in rows}
    assert described == {
        cell.id: (
            cell.string,
            cell.is_constant,
            json.dumps(NASBENCH201.counts(cell, old.spec.sizes)),
        )
        for cell in ntknas.architectures(old.ids)
    }
    run = Run(folder)
    assert run.spec == old.spec
    assert run.meta == old.meta | {"spec": old.spec.to_json()}
    assert without_later(exported(run)) == (OLD / name / "export.csv").read_text()
    assert run.seconds.to_dict() == old.seconds.to_dict()
    with Store.write(folder):
        pass
    assert content(folder) == migrated


def test_steps_are_taken_all_or_none(copy_of, monkeypatch):
    folder = copy_of("batch")
    before = content(folder)

    def fails(*_):
        raise sqlite3.OperationalError("no")

    last = replace(MIGRATIONS[-1], schema=SCHEMA + 1, tables=fails)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, last))
    with pytest.raises(InputError, match=f"^cannot write the run in {folder}: no$"):
        Store.write(folder).__enter__()
    assert content(folder) == before


def test_a_reader_goes_on_while_the_file_takes_the_steps(copy_of):
    folder = copy_of("image")
    run = Run(folder)
    before = run.table()
    with Store.write(folder) as store:
        assert_frame_equal(run.table(), before, check_exact=True)
        add_made_up(store, run.spec, 7)
    assert run.ids == [0, 7, 10, 12, 1000, 2581, 3842]
    table = run.table()
    assert_frame_equal(table, Run(folder).table(), check_exact=True)
    kept = table[table["id"] != 7].reset_index(drop=True)
    assert_frame_equal(kept, before, check_exact=True)


@pytest.mark.slow
def test_an_old_run_grows(copy_of):
    folder = copy_of("batch_clean")
    spec, before = Run(folder).spec, Run(folder).table()
    run = ntknas.score([0, 7], out=folder, spec=spec)
    assert run.ids == [0, 7, 10, 12, 1000, 2581, 3842]
    table = run.table()
    kept = table[table["id"] != 7].reset_index(drop=True)
    assert_frame_equal(kept[before.columns], before, check_exact=True)
    of_layers = [name for name in table if name not in before]
    assert of_layers == [name for name in SCORES if SCORES[name].of_layers]
    assert kept[of_layers].isna().all(axis=None)
    fresh = ntknas.score(7, spec=spec).table()
    assert_frame_equal(table[table["id"] == 7].reset_index(drop=True), fresh, check_exact=True)


def test_an_old_run_refuses_other_settings_and_stays_as_it_was(copy_of):
    folder = copy_of("batch_clean")
    before = exported(Run(folder))
    with pytest.raises(InputError, match=r"\(in the folder / asked for\): seeds: 1 / 2$"):
        ntknas.score(7, out=folder, spec=replace(Run(folder).spec, seeds=2))
    assert exported(Run(folder)) == before


def test_a_run_from_before_there_were_proxies_opens_and_grows(copy_of):
    """Its settings do not mention proxies and its database has no table of them."""
    folder = copy_of("image")
    assert "zero_cost" not in json.loads(sqlite_meta(folder)["spec"])
    with opened(folder) as connection:
        connection.execute("DROP TABLE zero_cost")
    before = Run(folder)
    assert not before.spec.zero_cost
    assert without_later(exported(before)) == (OLD / "image" / "export.csv").read_text()
    with Store.write(folder) as store:
        add_made_up(store, before.spec, 7)
    run = Run(folder)
    assert run.ids == [0, 7, 10, 12, 1000, 2581, 3842]
    assert run.table().columns.tolist() == before.table().columns.tolist()


def test_a_run_of_all_proxies_grows_with_those_that_there_were(copy_of):
    """Its settings say true, and its table has no columns of later proxies."""
    folder = copy_of("proxies")
    assert json.loads(sqlite_meta(folder)["spec"])["zero_cost"] is True
    spec = Run(folder).spec
    assert (len(spec.proxies), spec.proxies[-1]) == (11, "hessian")
    before = Run(folder).table()
    with Store.write(folder) as store:
        values = {name: float(place) for place, name in enumerate(spec.proxies)}
        add_made_up(store, spec, 7, proxies=[(0, values)])
    table = Run(folder).table()
    assert Run(folder).spec == spec
    assert table.columns.tolist() == before.columns.tolist()
    assert table[table["id"] == 7][[*values]].to_dict("records") == [values]
    with pytest.raises(InputError, match=r"zero_cost: grad_norm,.*,hessian / True$"):
        ntknas.score(7, out=folder, spec=replace(spec, zero_cost=True))


def test_runs_join_whose_tables_have_other_proxies(tmp_path):
    """One was begun by a version that knew fewer."""
    spec = replace(CLEAN, zero_cost=("snip", "zen"))
    for name, index in (("older", 7), ("newer", 5)):
        with Store.write(tmp_path / name) as store:
            store.begin({"spec": spec.to_json(), "dtype": "float32"}, [(0, "[0]", "[0]")])
            add_made_up(store, spec, index, proxies=[(0, {"snip": 1.0, "zen": 2.0 + index})])
    change_tables(tmp_path / "older", "ALTER TABLE zero_cost DROP COLUMN meco")
    for mine, theirs in (("older", "newer"), ("newer", "older")):
        other = Store.read(tmp_path / theirs)
        with Store.write(tmp_path / mine) as store:
            store.adopt(other)
        assert Run(tmp_path / mine).scores()["zen"].to_dict() == {5: 7.0, 7: 9.0}


def sqlite_meta(folder):
    with opened(folder) as connection:
        return dict(connection.execute("SELECT name, value FROM meta"))


def test_an_old_run_that_never_began_begins_with_todays_tables(copy_of):
    folder = copy_of("batch_clean")
    meta, spec = sqlite_meta(folder), Run(folder).spec
    with opened(folder) as connection:
        for table in ("meta", "batch", "architecture", "gram", "score", "zero_cost"):
            connection.execute(f"DELETE FROM {table}")
        connection.commit()
    with pytest.raises(InputError, match="is empty: it was stopped before it began$"):
        Run(folder)
    with Store.write(folder) as store:
        store.begin(meta | {"spec": spec.to_json()}, [(0, "[0, 1]", "[0, 1]")])
        add_made_up(store, spec, 7)
    assert content(folder)[0] == SCHEMA
    assert Run(folder).strings == {7: Architecture.from_id(7).string}


@pytest.mark.parametrize("mentioned", [{}, {"zero_cost": False}])
def test_settings_of_version_0_1_0(mentioned):
    values = json.loads(ScoringSpec(batches=(Batch.CLEAN, Batch.TWICE_ATTACKED)).to_json())
    for name in ("schema", "space", "coupled", "batches", "zero_cost"):
        del values[name]
    old = values | {"kernels": ["clean", "twice"]} | mentioned
    spec = ScoringSpec.from_json(json.dumps(old))
    assert spec == ScoringSpec(batches=(Batch.CLEAN, Batch.TWICE_ATTACKED))
    assert old["kernels"] == ["clean", "twice"]


def test_settings_of_today_take_no_step():
    values = json.loads(ScoringSpec(zero_cost=True).to_json())
    assert migrate_settings(values) == {n: v for n, v in values.items() if n != "schema"}
    assert values["schema"] == SCHEMA


def test_a_step_is_taken_once_and_in_order(monkeypatch):
    def step(schema):
        return Migration(
            schema, "adds", lambda values: values | {"seen": [*values["seen"], schema]}, fails
        )

    def fails(*_):
        raise AssertionError("settings alone were asked for")

    monkeypatch.setattr(migrations, "MIGRATIONS", (step(1), step(2), step(3)))
    assert migrate_settings({"seen": []}) == {"seen": [1, 2, 3]}
    assert migrate_settings({"seen": [], "schema": 1}) == {"seen": [2, 3]}
    assert migrate_settings({"seen": [], "schema": 3}) == {"seen": []}
