"""Reading JSON, and naming what is not JSON."""

import gzip
import io
import pickle
import zipfile

import pytest

from ntknas.errors import InputError
from ntknas.truth.files import read_json


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, NaN]}',
        'acc={"a": [1, NaN]}',
        'const acc = {"a": [1, NaN]};\n',
        'var  acc ={"a": [1, NaN]} ;',
        '\ufeff {"a": [1, NaN]}\n',
    ],
)
def test_json_and_assignments_are_read(tmp_path, text):
    path = tmp_path / "table"
    path.write_text(text, encoding="utf-8")
    assert read_json(path)["a"][0] == 1


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("acc.json", "{}")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "got an empty file"),
        (b" \n\n", "got an empty file"),
        (b"<!DOCTYPE html><html>Quota exceeded</html>", "web page"),
        (b"\xef\xbb\xbf\n <html>", "a download page or a quota notice"),
        (zipped(), "a zip archive"),
        (gzip.compress(b"{}", mtime=0), "a gzip file"),
        (pickle.dumps({"a": 1}), "a Python pickle"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
        (b"\x01\x02\x00\x03", "a binary file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'acc={"a": [1, 2', "breaks off in the middle of its JSON after 15 bytes"),
        (b'acc={"a": [1, 2]', "breaks off"),
        (b'acc={"a": "unfin', "breaks off"),
        (b'acc={"a": [0.5, tru', "breaks off"),
        (b"acc=", "breaks off"),
        (b'{"a" 1}', "an error at character 5: Expecting ':' delimiter"),
        (b"id,clean\n0,0.5\n", "an error at character 0: Expecting value"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        (b"[" + b"9" * 10_000 + b"]", "unreadable number"),
    ],
)
def test_anything_else_is_named_in_one_line(tmp_path, content, words):
    path = tmp_path / "table.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_json(path)
    message = str(caught.value)
    assert words in message
    assert str(path) in message
    assert "\n" not in message


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*missing.json: No such file"):
        read_json(tmp_path / "missing.json")
    with pytest.raises(InputError, match="cannot read .*[Dd]irectory"):
        read_json(tmp_path)
