"""What a name means, and where files are looked for."""

from pathlib import Path

import pytest

from ntknas.data import PUBLISHED, Kind, cache_folder, find_data, locate
from ntknas.errors import InputError


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "ntknas"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "ntknas"


def test_ones_own_folder_comes_first(data_cache, tmp_path, monkeypatch):
    assert find_data("jung") is None
    fetched = put(data_cache / "jung" / "acc.json")
    assert find_data("jung") == fetched
    monkeypatch.setenv("NTKNAS_DATA", str(tmp_path / "own"))
    assert find_data("jung") == fetched
    for place in ("robbench/acc.json", "acc.json", "jung/acc.json"):
        own = put(tmp_path / "own" / place)
        assert find_data("jung") == own


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_place_is_found(name, data_cache, tmp_path, monkeypatch):
    published = PUBLISHED[name]
    monkeypatch.setenv("NTKNAS_DATA", str(tmp_path))
    for place in (*published.elsewhere, published.file, f"{name}/{published.file}"):
        put(tmp_path / place)
        assert find_data(name) == tmp_path / place
        (tmp_path / place).unlink()


def test_a_path_of_that_name_has_precedence(data_cache, tmp_path, monkeypatch):
    fetched = put(data_cache / "cifar10" / "cifar-10-python.tar.gz")
    monkeypatch.chdir(tmp_path)
    assert locate("cifar10", Kind.IMAGES) == fetched
    assert locate(Path("cifar10"), Kind.IMAGES) == fetched
    assert locate("./cifar10", Kind.IMAGES) == Path("cifar10")
    Path("cifar10").mkdir()
    assert locate("cifar10", Kind.IMAGES) == Path("cifar10")


def test_names_that_mean_nothing_here(data_cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"`ntknas data fetch robbench` \(2.58 MB\).*data add rob"):
        locate("robbench", Kind.ACCURACIES)
    with pytest.raises(InputError, match=r"expected images \(cifar10, cifar100, or a path\), got"):
        locate("robbench", Kind.IMAGES)
    assert locate("robbench.json", Kind.ACCURACIES) == Path("robbench.json")
