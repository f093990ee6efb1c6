"""PyTorch's kernels of the space are those of the engine: one fingerprint."""

from typing import Any

import pytest

from benchmarks import torch_device, whole_space
from ntknas.errors import InputError
from ntknas.layers import Norm

SMALL: dict[str, Any] = {"archs": "9930,1462", "batch_size": 3, "channels": 4, "cells": 1}


@pytest.mark.slow
@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.IMAGE])
def test_one_fingerprint(norm):
    theirs = torch_device.run(torch_device.TorchDeviceConfig(norm=norm, **SMALL))
    ours = whole_space.run(whole_space.WholeSpaceConfig(norm=norm, **SMALL))
    assert theirs["architectures"] == 2
    assert theirs["seconds_per_architecture"] > 0
    assert theirs["mean_log_trace"] == pytest.approx(ours["mean_log_trace"], rel=1e-4)


def test_bad_input():
    with pytest.raises(InputError, match="norm must be batch or image, got none"):
        torch_device.TorchDeviceConfig(norm=Norm.NONE)
    with pytest.raises(InputError, match="variants must be one of batch, image, got rows"):
        whole_space.WholeSpaceConfig(variants="rows")
