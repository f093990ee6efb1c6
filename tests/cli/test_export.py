"""`ntknas export`."""

import pandas as pd
import pytest

from ntknas.runs import Run


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


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--out", "no/such/folder/scores.csv"], "no folder"),
        (["--out", "/"], "is a folder"),
        (["--out", "-", "--format", "parquet"], "binary"),
        (["--format", "xlsx"], "xlsx"),
    ],
)
def test_bad_options(refused, finished, options, complaint):
    assert complaint in refused("export", finished, *options)
