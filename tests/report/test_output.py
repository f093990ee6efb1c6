"""Files that commands and pictures write: links, FIFOs, permissions, failures half-way."""

import os
import stat
import threading

import pandas as pd
import pytest
from matplotlib.figure import Figure

from ntknas.errors import InputError
from ntknas.report import check_output, output_file, save_picture


def write(path, text="new"):
    with output_file(path) as temporary:
        temporary.write_text(text)


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_made_with_the_usual_permissions(tmp_path):
    (tmp_path / "other").write_text("")
    write(tmp_path / "new.csv")
    assert (tmp_path / "new.csv").read_text() == "new"
    modes = {(tmp_path / name).stat().st_mode for name in ("new.csv", "other")}
    assert len(modes) == 1
    assert leftovers(tmp_path) == ["new.csv", "other"]


def test_a_file_is_replaced_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "old.csv"
    path.write_text("old")
    path.chmod(0o640)
    write(path)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "old.csv"
    path.write_text("old")

    def fail():
        with output_file(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == ["old.csv"]


@pytest.mark.parametrize("exists", [True, False])
def test_links_are_followed(tmp_path, exists):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "target.csv", tmp_path / "link.csv"
    if exists:
        target.write_text("old")
    (tmp_path / "first").symlink_to(target)
    link.symlink_to("first")
    write(link)
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert leftovers(tmp_path / "there") == ["target.csv"]


def test_a_fifo_is_written_into(tmp_path):
    path = tmp_path / "fifo.csv"
    os.mkfifo(path)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    write(path)
    reader.join(timeout=30)
    assert read == ["new"]
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert leftovers(tmp_path) == ["fifo.csv"]


def test_a_device_is_written_into():
    write("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_file_that_nobody_may_write_is_kept(tmp_path):
    path = tmp_path / "kept.csv"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(InputError, match=r"cannot write .*kept.csv: its permissions"):
        write(path)
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("name", "message"),
    [("", "is a folder"), ("no/file.csv", "in no folder that exists"), ("x" * 300, "too long")],
)
def test_what_cannot_be_written_is_said_before(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        check_output(tmp_path / name)


def test_a_link_in_a_circle_is_one_line(tmp_path):
    path = tmp_path / "circle.csv"
    path.symlink_to(path)
    with pytest.raises(InputError, match="expected a file to write"):
        check_output(path)


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_picture_goes_through_a_link(tmp_path, ending):
    target, link = tmp_path / f"target.{ending}", tmp_path / f"link.{ending}"
    target.write_text("old")
    link.symlink_to(target)
    save_picture(Figure(), link)
    assert link.is_symlink()
    assert target.stat().st_size > 500


def test_a_table_in_parquet_goes_into_a_fifo(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    with output_file(path) as temporary:
        pd.DataFrame({"id": [1]}).to_parquet(temporary)
    reader.join(timeout=30)
    assert read[0][:4] == b"PAR1"
