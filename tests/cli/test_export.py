"""`ntknas export`."""

import numpy as np
import pandas as pd
import pytest

from ntknas.runs import Run, load_precomputed
from ntknas.scores import SCORES


def test_csv_and_parquet_hold_the_whole_table(ntknas, finished, tmp_path):
    expected = Run(finished).table()
    for format, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        path = tmp_path / f"scores.{format}"
        status, out, _ = ntknas("export", finished, "--format", format, "--out", path)
        assert (status, out) == (0, f"{path}\n")
        pd.testing.assert_frame_equal(read(path), expected, check_dtype=False)
    assert len(list(tmp_path.iterdir())) == 2


def test_default_place_is_the_run(ntknas, keep):
    folder = keep(2)
    assert ntknas("export", folder)[1] == f"{folder / 'scores.csv'}\n"
    assert pd.read_csv(folder / "scores.csv")["id"].nunique() == 2


def test_stdout(ntknas, finished):
    status, out, err = ntknas("export", finished, "--out", "-")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == len(Run(finished).table()) + 1


def test_a_failed_export_leaves_the_old_file(finished, tmp_path, monkeypatch):
    from ntknas.cli.main import main

    path = tmp_path / "scores.csv"
    path.write_text("the old one")

    def half(self, file, **options):
        file.write_text("id,arch")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", half)
    assert main(["export", str(finished), "--out", str(path)]) == 1
    assert path.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_the_ending_says_which_format(ntknas, finished, tmp_path):
    path = tmp_path / "scores.parquet"
    assert ntknas("export", finished, "--out", path)[0] == 0
    pd.testing.assert_frame_equal(pd.read_parquet(path), Run(finished).table(), check_dtype=False)


def test_the_file_of_a_run_is_kept(refused, keep):
    folder = keep(2)
    whole = Run(folder).table()
    assert "run.sqlite is a database" in refused("export", folder, "--out", folder / "run.sqlite")
    pd.testing.assert_frame_equal(Run(folder).table(), whole)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--out", "no/such/folder/scores.csv"], "no folder"),
        (["--out", "/"], "is a folder"),
        (["--out", "-", "--format", "parquet"], "binary"),
        (["--format", "xlsx"], "xlsx"),
        (["--format", "csv", "--out", "a.parquet"], "got csv in a.parquet"),
    ],
)
def test_bad_options(refused, finished, options, complaint):
    assert complaint in refused("export", finished, *options)


def test_networks_of_ones_own(ntknas, texts, tmp_path):
    expected = Run(texts).table()
    assert expected["id"].unique().tolist() == [f"net_{i:02}" for i in range(12)]
    for format, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        path = tmp_path / f"scores.{format}"
        assert ntknas("export", texts, "--format", format, "--out", path)[0] == 0
        pd.testing.assert_frame_equal(read(path), expected, check_dtype=False)


def test_the_table_in_the_package(ntknas, refused, finished, tmp_path):
    path = tmp_path / "scores.parquet"
    argv = ("export", "--precomputed", "--format", "parquet", "--out", path)
    assert ntknas(*argv)[0] == 0
    found = pd.read_parquet(path)
    table = load_precomputed()
    assert list(found)[:3] == ["id", "architecture", "seed"]
    assert len(found) == 3 * 6466
    means = found.groupby("id")["cond@clean"].mean()
    np.testing.assert_allclose(means, table.scores()["cond@clean"])
    second = table.scores_by_draw()[1]["sphericity@clean"]
    of_seed = found[found["seed"] == 1].set_index("id")["sphericity@clean"]
    np.testing.assert_array_equal(of_seed, second)
    assert "needs --out" in refused("export", "--precomputed")
    assert "both or neither" in refused("export", finished, "--precomputed", "--out", path)
    assert "both or neither" in refused("export")


def test_a_registered_score(ntknas, finished, tmp_path, gap):
    path = tmp_path / "scores.csv"
    assert ntknas("export", finished, "--out", path)[0] == 0
    expected = Run(finished).table()
    np.testing.assert_array_equal(pd.read_csv(path)["gap"], expected["gap"])
    assert expected["gap"].notna().all()
    SCORES.remove("gap")
    assert ntknas("export", finished, "--out", path)[0] == 0
    assert "gap" not in pd.read_csv(path)
