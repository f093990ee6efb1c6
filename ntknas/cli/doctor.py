"""`ntknas doctor`: versions, devices, caches, data, and a self-check, with one verdict."""

import argparse
import json
import os
import platform
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import ntknas
from ntknas.cli.output import write
from ntknas.cli.parser import Commands

__all__ = ["add"]

_ABOUT = """\
Examples:
  ntknas doctor
  ntknas doctor --json > doctor.json     for a report of a fault
  JAX_PLATFORMS=cpu ntknas doctor        the same on the CPU

The self-check computes the kernels of four small networks and compares them with stored ones. It
takes about ten seconds, most of them for compiling. The exit status is 0 if all is well, and 1 if
not; the last line says which.
"""
_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "pandas")
_OF_EXTRAS = {
    "cluster": "distributed",
    "search": "scikit-learn",
    "theory": "neural-tangents",
    "torch": "torch",
}


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "doctor",
        _run,
        summary="check the installation: devices, caches, data, kernels",
        about=_ABOUT,
    )
    parser.add_argument("--json", action="store_true", help="write everything as JSON")
    parser.add_argument(
        "--no-self-check", action="store_true", help="leave the computation of kernels out"
    )


def _run(args: argparse.Namespace) -> int:
    problems: list[str] = []
    report = {
        "versions": _versions(problems),
        "computation": _computation(problems),
        "cache": _cache(problems),
        "data": _data(),
    }
    if not args.no_self_check:
        report["self-check"] = _self_check(problems)
    count = f"{len(problems)} problem{'s' * (len(problems) > 1)}"
    verdict = f"{count}: {'; '.join(problems)}" if problems else "all is well"
    if args.json:
        write(json.dumps(report | {"problems": problems, "verdict": verdict}, indent=1))
    else:
        for title, facts in report.items():
            width = max(map(len, facts))
            lines = [f"  {name:<{width}}  {_shown(fact)}" for name, fact in facts.items()]
            write("\n".join([title, *lines]))
        write(f"verdict: {verdict}")
    return 1 if problems else 0


def _shown(fact: Any) -> str:
    """A fact as text."""
    if isinstance(fact, list):
        return ", ".join(fact) or "none"
    return "-" if fact is None else f"{fact:.3g}" if isinstance(fact, float) else str(fact)


def _versions(problems: list[str]) -> dict[str, Any]:
    """Versions of Python and of libraries; adds those that are too old or too new."""
    problems += _unmet()
    return {
        "ntknas": ntknas.__version__,
        "python": f"{platform.python_version()} on {platform.platform()}",
        **{name: _version(name) for name in _LIBRARIES},
        **{f"{extra} (extra)": _version(name) for extra, name in _OF_EXTRAS.items()},
    }


def _version(name: str) -> str | None:
    """The version of an installed library, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _unmet() -> list[str]:
    """Requirements of the package that the installed libraries do not meet."""
    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(text) for text in metadata.requires("ntknas") or ()]
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return []
    unmet = []
    for requirement in requirements:
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = _version(requirement.name)
        if version is None:
            unmet.append(f"{requirement.name} is missing")
        elif not requirement.specifier.contains(version, prereleases=True):
            unmet.append(f"{requirement} is needed, got {version}")
    return unmet


def _computation(problems: list[str]) -> dict[str, Any]:
    """Devices, back end and program."""
    import jax

    from ntknas.cli.device import check_device
    from ntknas.engine import default_program
    from ntknas.engine.executors import available_cores
    from ntknas.spaces import NASBENCH201

    cores = len(available_cores())
    try:
        check_device()
    except OSError as error:
        problems.append(str(error))
        return {"back end": None, "cores": cores}
    return {
        "back end": jax.default_backend(),
        "devices": [f"{device.id}: {device.device_kind}" for device in jax.devices()],
        "cores": cores,
        "program": default_program(NASBENCH201.name),
        "float64": bool(jax.config.read("jax_enable_x64")),
    }


def _cache(problems: list[str]) -> dict[str, Any]:
    """The folders of compiled programs and of published files, and their sizes."""
    from ntknas.data import cache_folder, data_folder

    compiled = Path(os.environ.get("JAX_COMPILATION_CACHE_DIR", cache_folder()))
    files = [file for file in compiled.glob("*") if file.is_file()] if compiled.is_dir() else []
    existing = next(path for path in (compiled, *compiled.absolute().parents) if path.exists())
    if not os.access(existing, os.W_OK):
        problems.append(f"compiled programs cannot be kept: {existing} cannot be written")
    fetched = [file for file in data_folder().rglob("*") if file.is_file()]
    return {
        "compiled programs": str(compiled),
        "their size": f"{_megabytes(files)} MB in {len(files)} files",
        "published files": str(data_folder()),
        "size of those": f"{_megabytes(fetched)} MB",
    }


def _megabytes(files: list[Path]) -> str:
    """The size of some files, of which another process may remove one meanwhile."""
    sizes = [file.stat().st_size for file in files if file.exists()]
    return f"{sum(sizes) / 1e6:.1f}"


def _data() -> dict[str, Any]:
    """Places of the published files that are here."""
    from ntknas.data import PUBLISHED, find_data

    places = {name: find_data(name) for name in PUBLISHED}
    return {name: None if place is None else str(place) for name, place in places.items()}


def _self_check(problems: list[str]) -> dict[str, Any]:
    """The result of the self-check; adds a failure."""
    if problems and "JAX cannot use" in " ".join(problems):
        return {"result": "not done, for want of a device"}
    from ntknas.engine import check_machine

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = check_machine()
    # Whatever fails here is what the doctor is to report.
    except Exception as error:
        text = " ".join(str(error).split())
        problems.append(f"the self-check failed: {type(error).__name__}: {text[:200]}")
        return {"result": "failed"}
    if not found.passed:
        problems.append(
            f"kernels differ from the stored ones by {found.error:.2g} of their median entry, "
            f"expected at most {found.tolerance:.2g}"
        )
    return {
        "result": "passed" if found.passed else "failed",
        "error": found.error,
        "tolerance": found.tolerance,
        "seconds": round(found.seconds, 1),
        "program": found.program,
    }
