"""Text files that are whole or as they were."""

import stat

import pytest

from ntknas.files import write_whole


def test_a_file_is_whole_or_unchanged(tmp_path):
    file = tmp_path / "a.txt"
    write_whole(file, "first")
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "second \ud800")
    assert file.read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_links_are_followed_and_permissions_kept(tmp_path):
    file, link = tmp_path / "real.txt", tmp_path / "link.txt"
    write_whole(file, "first")
    file.chmod(0o640)
    link.symlink_to(file)
    write_whole(link, "second")
    assert link.is_symlink()
    assert file.read_text() == "second"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
