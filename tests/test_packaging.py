"""What is packaged: files of the wheel, extras, the recipe for conda, the versions."""

import fnmatch
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

import ntknas

TOP = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())
RECIPE = yaml.safe_load((TOP / ".ci/packaging/recipe.yaml").read_text())
CONDA_NAMES = {"matplotlib-base": "matplotlib"}


def test_every_file_of_the_package_is_packaged():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["ntknas"]
    package = TOP / "ntknas"
    others = [
        str(path.relative_to(package))
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert others
    left_out = [
        name
        for name in others
        if not any(fnmatch.fnmatch(name, pattern.replace("**/", "*")) for pattern in patterns)
    ]
    assert not left_out


def test_the_extra_all_holds_the_extras_of_users():
    extras = PROJECT["project"]["optional-dependencies"]
    (everything,) = extras["all"]
    match = re.fullmatch(r"ntknas\[([a-z,]+)\]", everything)
    assert match
    assert set(match[1].split(",")) == set(extras) - {"all", "bench", "docs", "test"}


def test_the_recipe_needs_what_the_package_needs():
    needs = {}
    for line in RECIPE["requirements"]["run"]:
        name, _, version = line.partition(" ")
        needs[CONDA_NAMES.get(name, name)] = version
    assert needs.pop("python") == ">=${{ python_min }}"
    ours = [re.fullmatch(r"([a-z-]+)(.*)", text) for text in PROJECT["project"]["dependencies"]]
    assert needs == {match[1]: match[2] for match in ours if match}
    assert f">={RECIPE['context']['python_min']}" == PROJECT["project"]["requires-python"]
    (host,) = [n for n in RECIPE["requirements"]["host"] if n.startswith("setuptools")]
    assert [host.replace(" ", "")] == PROJECT["build-system"]["requires"]
    (script,) = PROJECT["project"]["scripts"].items()
    assert RECIPE["build"]["python"]["entry_points"] == [" = ".join(script)]


def test_the_version_is_the_same_everywhere():
    version = ntknas.__version__
    assert PROJECT["project"]["version"] == version
    assert RECIPE["context"]["version"] == version
    assert re.search(rf"^version: {re.escape(version)}$", (TOP / "CITATION.cff").read_text(), re.M)
    assert f'release = "{version}"' in (TOP / "docs/conf.py").read_text()


def test_the_container_copies_what_is_there():
    dockerfile = (TOP / ".ci/packaging/Dockerfile").read_text()
    copied = re.findall(r"^COPY ([^-\n][^\n]*) \S+$", dockerfile, re.M)
    names = [name for line in copied for name in line.split()]
    assert "ntknas" in names
    for name in names:
        assert (TOP / name).exists()
        assert f"!{name}\n" in (TOP / ".ci/packaging/Dockerfile.dockerignore").read_text()


def test_other_versions_are_tried_with_tests_that_exist():
    script = (TOP / ".ci/packaging/versions").read_text()
    (names,) = re.findall(r"^quick=\((.*)\)$", script, re.M)
    assert "tests/scores" in names
    assert all((TOP / name).exists() for name in names.split())


@pytest.mark.slow
def test_the_wheel_of_the_sdist_works_by_itself(tmp_path):
    """Built as for PyPI, installed beside the dependencies that are here, and used elsewhere."""
    dist = tmp_path / "dist"

    def build(what: str, source: Path) -> Path:
        code = f"from setuptools import build_meta; print(build_meta.build_{what}({str(dist)!r}))"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=True
        )
        return dist / done.stdout.split()[-1]

    checkout = ["git", "-C", str(TOP), "checkout-index", "--all", f"--prefix={tmp_path}/source/"]
    subprocess.run(checkout, check=True)
    sdist = build("sdist", tmp_path / "source")
    with tarfile.open(sdist) as tar:
        tar.extractall(tmp_path, filter="data")
    wheel = build("wheel", tmp_path / sdist.name.removesuffix(".tar.gz"))
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "-C", str(TOP), "ls-files", "ntknas"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(tracked) <= packed
    assert not [n for n in packed if not n.startswith("ntknas")]
    here = tmp_path / "venv"
    venv.create(here, with_pip=True)
    (python,) = here.glob("bin/python")
    (site,) = here.glob("lib/python*/site-packages")
    dependencies = next(p for p in sys.path if p.endswith("site-packages"))
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True
    )
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    for argv in (["rank", "--precomputed", "--top", "1"], ["doctor", "--no-self-check"]):
        done = subprocess.run(
            [here / "bin" / "ntknas", *argv], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    place = subprocess.run(
        [python, "-c", "import ntknas; print(ntknas.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(place.stdout.strip()).is_relative_to(here)
