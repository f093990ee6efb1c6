"""Text files that are whole or as they were."""

import pytest

from ntknas.files import write_whole


def test_a_file_is_whole_or_unchanged(tmp_path):
    file = tmp_path / "a.txt"
    write_whole(file, "first")
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "second \ud800")
    assert file.read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
