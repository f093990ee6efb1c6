"""Float32 against float64: errors are those of rounding, and in the right interval of cond."""

import pytest

from benchmarks.precision import PrecisionConfig, run
from ntknas.layers import Norm


@pytest.mark.slow
def test_errors_are_rounding():
    found = run(PrecisionConfig("9930,15624,700", batch_size=4, channels=4, norm=Norm.IMAGE))
    assert [row["id"] for row in found["rows"]] == [9930, 15624, 700]
    for row in found["rows"]:
        assert 0 < row["kernel_error"] < 1e-4
        assert row["lambda_min_error"] < 1e-5 * row["cond"]
    counted = sum(interval["architectures"] for interval in found["lambda_min_error"])
    assert counted == len(found["rows"])
