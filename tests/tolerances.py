"""Tolerances of the tests, one table for all of them.

Each is as tight as the arithmetic allows. An exception stands at the check that needs it, with its
reason.
"""

import numpy as np

__all__ = ["TOLERANCES", "of_largest"]

TOLERANCES: dict[str, dict[str, float]] = {
    "float64": {"rtol": 1e-10, "atol": 1e-12},
    "float32": {"rtol": 1e-5, "atol": 1e-6},
}
"""Arguments of `assert_allclose`, by the type of the arithmetic, for values of order 1."""


def of_largest(expected, dtype: str) -> dict[str, float]:
    """The tolerance of a matrix whose entries share the rounding of its largest one.

    Args:
        expected: Matrix to compare with.
        dtype: Name of a type of `TOLERANCES`.
    """
    return {"rtol": 0, "atol": TOLERANCES[dtype]["rtol"] * float(np.abs(expected).max())}
