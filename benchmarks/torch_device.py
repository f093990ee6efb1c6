"""PyTorch's ways to clean kernels, on a GPU if PyTorch sees one: the peers of `whole_space`.

    python -m benchmarks.torch_device --norm batch --archs random:32
    python -m benchmarks.torch_device --norm image --archs random:32

Under statistics of the batch it is the published tools' loop of backward passes, one per image.
Under statistics of each image it is `vmap(grad)`. The kernels are those of the same weights and
images as in `benchmarks.whole_space`, whose fingerprint is printed too.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch

import ntknas
from benchmarks.common import command, describe, spread
from benchmarks.engine import clean_setting
from benchmarks.peers import torch_func, torch_loop
from benchmarks.peers.weights import initial_network
from ntknas.errors import InputError
from ntknas.layers import Norm

__all__ = ["TorchDeviceConfig", "run"]


@dataclass(frozen=True)
class TorchDeviceConfig:
    """What to time.

    Attributes:
        archs: Architectures, as `ntknas.architectures` takes them.
        batch_size: Number of images N.
        channels: Channels of the network's first stage.
        cells: Cells per stage.
        norm: Normalisation statistics, batch or image.

    Raises:
        InputError: For another normalisation.
    """

    archs: str = "random:32"
    batch_size: int = 16
    channels: int = 16
    cells: int = 5
    norm: Norm = Norm.BATCH

    def __post_init__(self) -> None:
        if self.norm not in (Norm.BATCH, Norm.IMAGE):
            raise InputError(f"norm must be batch or image, got {self.norm}")


def run(config: TorchDeviceConfig) -> dict:
    """Compute the clean kernel of every architecture, after one that warms the device up.

    Args:
        config: Settings, see `TorchDeviceConfig`.

    Returns:
        The entries of `benchmarks.common.describe`, the device, the spread and the mean of the
        seconds per architecture, and the mean of the logarithms of the kernels' traces.
    """
    spec, batch = clean_setting(config.batch_size, config.channels, config.cells, config.norm)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    pixels = torch_loop.to_torch(batch).to(device)
    seconds, traces = [], []
    chosen = ntknas.architectures(config.archs)
    for architecture in (chosen[0], *chosen):
        model = initial_network(architecture, spec.cell_network, 0).to(device)
        if config.norm is Norm.IMAGE:
            torch_func.normalise_by_image(model)
        way = torch_loop if config.norm is Norm.BATCH else torch_func
        start = time.perf_counter()
        kernel = way.clean_kernel(model, pixels)
        seconds.append(time.perf_counter() - start)
        traces.append(np.trace(kernel))
    positive = np.array(traces[1:])
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    return {
        **describe("torch_device", config),
        "device": name,
        "architectures": len(chosen),
        "seconds_per_architecture": float(np.mean(seconds[1:])),
        **spread(seconds[1:]),
        "mean_log_trace": float(np.log(positive[positive > 0]).mean()),
    }


if __name__ == "__main__":
    command(run, TorchDeviceConfig(), __doc__)
