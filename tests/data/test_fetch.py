"""Downloads from a server on this machine: whole, cut off, wrong, absent; files by hand."""

import socket

import pytest

from ntknas.data import PUBLISHED, add_file, data_folder, fetch, find_data
from ntknas.errors import InputError
from ntknas.locks import try_lock
from tests.data.served import CONTENT, FILE, NAME

pytestmark = pytest.mark.usefixtures("published")


def kept(data_cache):
    """Names of the files in the folder of the made-up file, without the lock."""
    return sorted(path.name for path in (data_cache / NAME).iterdir() if path.name != "lock")


def test_a_server_that_refuses_a_whole_file(data_cache, server):
    with pytest.raises(OSError, match=r"cannot download made_up\.bin \(127.*416"):
        fetch(NAME, address=server.at("range"))


def start_of_a_download(data_cache, content):
    (data_cache / NAME).mkdir(parents=True)
    (data_cache / NAME / f"{FILE}.part").write_bytes(content)


def test_the_next_address_is_tried(data_cache, server):
    seen = []
    path = fetch(NAME, on_progress=lambda done, total: seen.append((done, total)))
    assert path == data_cache / NAME / FILE == find_data(NAME)
    assert path.read_bytes() == CONTENT
    assert [behaviour for behaviour, _ in server.asked] == ["missing", "whole"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(seen) > 1
    assert kept(data_cache) == [FILE]


def test_what_is_here_is_not_fetched_again(server):
    fetch(NAME)
    asked = len(server.asked)
    fetch(NAME)
    assert len(server.asked) == asked


def test_a_damaged_file_is_fetched_again(data_cache):
    fetch(NAME).write_bytes(b"damaged")
    assert fetch(NAME).read_bytes() == CONTENT


def test_a_connection_that_breaks_off_is_resumed(server):
    assert fetch(NAME, address=server.at("cut")).read_bytes() == CONTENT
    starts = [int(span[6:-1]) for _, span in server.asked if span]
    assert len(starts) == len(server.asked) - 1
    assert starts == sorted(set(starts))
    assert starts[0] > len(CONTENT) // 4


def test_a_connection_that_breaks_off_for_good_leaves_no_half_file(data_cache, server):
    with pytest.raises(OSError, match="broke off; the same command goes on"):
        fetch(NAME, address=server.at("stuck"))
    assert kept(data_cache) == [f"{FILE}.part"]
    assert find_data(NAME) is None
    size = (data_cache / NAME / f"{FILE}.part").stat().st_size
    assert len(CONTENT) // 4 < size <= len(CONTENT) // 3
    assert fetch(NAME, address=server.at("whole")).read_bytes() == CONTENT
    assert server.asked[-1] == ("whole", f"bytes={size}-")
    assert kept(data_cache) == [FILE]


def test_what_was_stopped_goes_on(data_cache, server):
    def stop(done, total):
        if done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(NAME, address=server.at("whole"), on_progress=stop)
    assert kept(data_cache) == [f"{FILE}.part"]
    size = (data_cache / NAME / f"{FILE}.part").stat().st_size
    assert size > 500_000
    assert fetch(NAME, address=server.at("whole")).read_bytes() == CONTENT
    assert server.asked[-1] == ("whole", f"bytes={size}-")


def test_a_server_without_ranges_begins_anew(data_cache, server):
    start_of_a_download(data_cache, CONTENT[:1000])
    assert fetch(NAME, address=server.at("plain")).read_bytes() == CONTENT
    assert server.asked == [("plain", "bytes=1000-")]


@pytest.mark.parametrize(
    "content", [b"x" * 1000, CONTENT + b"x", CONTENT[:-1] + b"x"], ids=["start", "long", "end"]
)
def test_bytes_of_another_file_are_trusted_once(data_cache, server, content):
    start_of_a_download(data_cache, content)
    assert fetch(NAME, address=server.at("whole")).read_bytes() == CONTENT
    assert server.asked[-1] == ("whole", None)


def test_all_bytes_are_there(data_cache, server):
    start_of_a_download(data_cache, CONTENT)
    assert fetch(NAME, address=server.at("whole")).read_bytes() == CONTENT
    assert server.asked == [("whole", f"bytes={len(CONTENT)}-")]


def test_an_archive_is_kept_as_it_was_sent(server):
    assert fetch(NAME, address=server.at("gzip")).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("html", "a web page came in place of the file"),
        ("other", "another file came, with another checksum"),
        ("missing", "status 404"),
    ],
)
def test_other_answers_leave_nothing(data_cache, server, behaviour, reason):
    with pytest.raises(OSError, match=reason) as caught:
        fetch(NAME, address=server.at(behaviour))
    assert f"ntknas data add {NAME} FILE" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert kept(data_cache) == []


def test_a_wrong_file_does_not_replace_a_damaged_one(data_cache, server):
    fetch(NAME).write_bytes(b"damaged")
    with pytest.raises(OSError, match="another checksum"):
        fetch(NAME, address=server.at("other"))
    assert kept(data_cache) == [FILE]


def test_no_network(data_cache):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(OSError, match=rf"127.0.0.1:{port}: no connection"):
        fetch(NAME, address=f"http://127.0.0.1:{port}/{FILE}")
    assert kept(data_cache) == []


def test_a_mirror_is_tried_first(server, monkeypatch):
    monkeypatch.setenv("NTKNAS_MIRROR", server.at("plain").removesuffix(FILE))
    fetch(NAME)
    assert server.asked == [("plain", None)]


def test_the_file_in_ones_own_folder_is_taken(tmp_path, server, monkeypatch):
    monkeypatch.setenv("NTKNAS_DATA", str(tmp_path))
    (tmp_path / FILE).write_bytes(CONTENT)
    assert fetch(NAME) == tmp_path / FILE
    (tmp_path / FILE).write_bytes(b"another")
    with pytest.raises(InputError, match=f"is not the published {NAME}"):
        fetch(NAME)
    assert server.asked == []


def test_only_one_process_fetches(data_cache):
    (data_cache / NAME).mkdir(parents=True)
    with (
        try_lock(data_cache / NAME / "lock"),
        pytest.raises(OSError, match=f"^another process is fetching {FILE}$"),
    ):
        fetch(NAME)


def test_a_full_disk_is_seen_before(monkeypatch, server):
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(9, 9, 1_000_000))
    with pytest.raises(OSError, match="has 3 MB, and only 1 MB are free"):
        fetch(NAME)
    assert server.asked == []


@pytest.mark.parametrize("address", ["made_up.bin", "file:///made_up.bin", "ftp://host/x", ""])
def test_other_addresses(address):
    with pytest.raises(InputError, match="begins with http:// or https://"):
        fetch(NAME, address=address)


def test_a_file_by_hand(data_cache, tmp_path):
    path = tmp_path / "download (1)"
    path.write_bytes(CONTENT)
    assert add_file(NAME, path) == data_folder() / NAME / FILE == find_data(NAME)
    assert kept(data_cache) == [FILE]
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match=rf"not the published {FILE}: its sha256 .* 3071999 bytes"):
        add_file(NAME, path)
    with pytest.raises(InputError, match="no such file"):
        add_file(NAME, tmp_path / "nothing")


def test_unknown_names():
    for use in (fetch, find_data, PUBLISHED.check):
        with pytest.raises(InputError, match="expected data to be one of robbench, jung"):
            use("nothing")
