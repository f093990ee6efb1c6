"""What `ntknas attack` measured: the rows of its result, as a table or as JSON."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ntknas.cli.output import write
from ntknas.cli.trained import TrainedNetwork

if TYPE_CHECKING:
    import numpy as np

    from ntknas.attack import Accuracy, Checklist
    from ntknas.images import ImageSet

__all__ = ["Test", "write_result"]


class Test(NamedTuple):
    """What was measured on some images.

    Attributes:
        name: Name of the attack or corruption.
        right: Whether each image is classified correctly, bool [n].
        labels: Classes of the images, [n].
        where: Further entries of the result: rho, severity, broken, spec.
    """

    name: str
    right: "np.ndarray"
    labels: "np.ndarray"
    where: dict[str, Any]


def write_result(
    args: argparse.Namespace,
    network: TrainedNetwork,
    images: "ImageSet",
    tests: list[Test],
    checked: "Checklist | None",
) -> None:
    """Write the result in the chosen format.

    Args:
        args: Options of the command: format, per_class, out, ball and seed are read.
        network: The network that was measured.
        images: The images that it was attacked on.
        tests: What was measured.
        checked: Verdicts of the checklist, if it was asked for.

    Raises:
        InputError: If the file cannot be written.
    """
    from ntknas.report import attack_report, output_file

    rows, classes = _rows(tests), _class_rows(tests, images.dataset)
    if args.format == "json":
        text = _json(args, network, images, rows, classes, checked)
    else:
        shown = classes if args.per_class else ()
        text = attack_report(rows, checked, classes=shown, format=args.format)
    if args.out is None:
        write(text)
        return
    with output_file(args.out) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")
    write(f"result: {Path(args.out)}")


def _row(test: Test, accuracy: "Accuracy") -> dict[str, Any]:
    """One line of the result."""
    low, high = accuracy.interval()
    return {
        "test": test.name,
        "rho": test.where.get("rho"),
        "severity": test.where.get("severity"),
        "accuracy": accuracy.value,
        "low": low,
        "high": high,
        "correct": accuracy.correct,
        "n": accuracy.count,
    }


def _rows(tests: list[Test]) -> list[dict[str, Any]]:
    """One line per test."""
    from ntknas.attack import Accuracy

    rows = []
    for test in tests:
        row = _row(test, Accuracy(int(test.right.sum()), len(test.right)))
        rows.append(row | {k: test.where[k] for k in ("broken", "spec") if k in test.where})
    return rows


def _class_rows(tests: list[Test], dataset: str) -> list[dict[str, Any]]:
    """One line per class and test."""
    from ntknas.attack import accuracy_by_class
    from ntknas.images import dataset_info

    name = dataset_info(dataset).class_name
    return [
        {"class": name(label)} | _row(test, accuracy)
        for test in tests
        for label, accuracy in accuracy_by_class(test.right, test.labels).items()
    ]


def _json(args, network: TrainedNetwork, images, rows, classes, checked) -> str:
    """The result as one JSON object."""
    from dataclasses import asdict

    result = {
        "architecture": network.architecture.string,
        "weights": network.source,
        "normaliser": network.normaliser,
        "images": {
            "dataset": images.dataset,
            "source": images.source,
            "sha256": images.sha256,
            "n": len(images),
        },
        "ball": args.ball,
        "seed": args.seed,
        "confidence": 0.95,
        "results": rows,
        "classes": classes,
    }
    if checked is not None:
        result["checklist"] = asdict(checked) | {"passed": checked.passed}
    return json.dumps(result, indent=1)
