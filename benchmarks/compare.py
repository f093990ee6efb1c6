"""Ratios of a benchmark's figures to those of an earlier result.

    python -m benchmarks.compare NEW.json BASELINE.json

Prints new / baseline of every number that both files hold under a name ending in seconds, ratio,
bytes or mb: below 1 is better for each of them. Entries of a list are known by their `id`, else by
their position.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ntknas.errors import InputError

__all__ = ["compare", "figures", "load", "main"]

_ENDINGS = ("seconds", "ratio", "bytes", "mb")


def load(path: Path) -> dict[str, Any]:
    """A benchmark's result.

    Raises:
        InputError: If the file cannot be read or holds something else.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:  # no JSON, or no UTF-8
        raise InputError(f"{path} is not JSON: {error}") from None
    if not isinstance(result, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(result).__name__}")
    return result


def figures(result: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Names, joined with dots, and values of the figures of a result.

    Example:
        >>> dict(figures({"a": [{"id": 7, "seconds": 2.0}], "b": {"mb": 3, "cores": 2}}))
        {'a.7.seconds': 2.0, 'b.mb': 3.0}
    """
    if isinstance(result, dict):
        for name, value in result.items():
            yield from figures(value, f"{path}.{name}" if path else name)
    elif isinstance(result, list):
        for position, value in enumerate(result):
            name = value.get("id", position) if isinstance(value, dict) else position
            yield from figures(value, f"{path}.{name}")
    elif path.rpartition(".")[2].endswith(_ENDINGS) and _is_number(result):
        yield path, float(result)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def compare(new: dict[str, Any], baseline: dict[str, Any]) -> dict[str, float]:
    """New / baseline of every figure that both hold, in the new one's order.

    Figures that are 0 in both have ratio 1; a baseline of 0 alone gives infinity.

    Args:
        new: A benchmark's result.
        baseline: A result of the same benchmark.

    Raises:
        InputError: If the results are of different benchmarks, or share no figure.
    """
    names = [result.get("benchmark") for result in (new, baseline)]
    if names[0] != names[1]:
        raise InputError(f"expected results of one benchmark, got {names[0]} and {names[1]}")
    before = dict(figures(baseline))
    found = {name: _divide(now, before[name]) for name, now in figures(new) if name in before}
    if not found:
        raise InputError("the results share no figure")
    return found


def _divide(now: float, before: float) -> float:
    if before == 0:
        return 1.0 if now == 0 else math.inf
    return now / before


def _differences(new: dict[str, Any], baseline: dict[str, Any]) -> list[str]:
    """Settings, machine and versions that differ: a ratio may be due to these."""
    lines = []
    for part in ("config", "machine", "versions"):
        ours, theirs = new.get(part) or {}, baseline.get(part) or {}
        lines += [
            f"{part}.{name}: {theirs.get(name)} -> {ours.get(name)}"
            for name in sorted({*ours, *theirs})
            if ours.get(name) != theirs.get(name)
        ]
    return lines


def main() -> None:
    """Parse the command line and print; exit status 2, after one line, for bad input."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("new", type=Path, metavar="NEW.json")
    parser.add_argument("baseline", type=Path, metavar="BASELINE.json")
    files = parser.parse_args()
    try:
        new, baseline = load(files.new), load(files.baseline)
        ratios = compare(new, baseline)
    except InputError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    for line in _differences(new, baseline):
        print(f"differs: {line}")
    before, now = dict(figures(baseline)), dict(figures(new))
    width = max(map(len, ratios))
    print(f"{'figure':{width}}  {'new':>10}  {'baseline':>10}  {'ratio':>7}")
    for name, value in ratios.items():
        print(f"{name:{width}}  {now[name]:10.4g}  {before[name]:10.4g}  {value:7.3f}")


if __name__ == "__main__":
    main()
