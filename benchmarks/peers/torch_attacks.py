"""torchattacks' attacks on a trained network, as a competitor of `ntknas.attack.evaluate`."""

from collections.abc import Callable

import numpy as np
import torch
import torchattacks

from benchmarks.peers.weights import network_of
from ntknas.network import LoadedWeights, load_torch_weights
from ntknas.spaces.nasbench201 import Architecture

__all__ = ["NetworkInPixels", "checkpoint", "competitor"]


class NetworkInPixels(torch.nn.Module):
    """Images [n, 3, h, w] in [0, 1] to logits, with running statistics.

    Args:
        code: Six op codes of the architecture.
        loaded: Its weights, and the mean and std that it subtracts and divides by.
    """

    def __init__(self, code: str, loaded: LoadedWeights):
        super().__init__()
        architecture = Architecture.from_code(code)
        self.network = network_of(architecture, loaded.spec, loaded.variables).eval()
        self.mean, self.std = (
            torch.tensor(v, dtype=torch.float32)[None, :, None, None]
            for v in (loaded.spec.mean, loaded.spec.std)
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The logits [n, k]."""
        return self.network((images - self.mean) / self.std)[1]


def checkpoint(path: str, name: str, code: str) -> LoadedWeights:
    """The weights of one network of an .npz file, whose entries are NAME/ENTRY.

    Args:
        path: File.
        name: Name of the network.
        code: Six op codes of its architecture.
    """
    with np.load(path) as file:
        state = {
            key.removeprefix(f"{name}/"): file[key].astype(np.float32)
            for key in file.files
            if key.startswith(f"{name}/")
        }
    return load_torch_weights(state, Architecture.from_code(code))


def competitor(
    path: str, pixels: np.ndarray, labels: np.ndarray, steps: int
) -> Callable[[tuple[str, str, str, float]], Callable[[], int]]:
    """A function from a network and an attack to a callable that counts what stands.

    Args:
        path: File of the weights.
        pixels: Images in [0, 1], float32 [n, h, w, c].
        labels: Classes of the images.
        steps: Number of steps of the gradient attacks; Square makes 50 queries per step.
    """
    images = torch.tensor(pixels.transpose(0, 3, 1, 2)).contiguous()
    truth = torch.tensor(labels)

    def prepare(request: tuple[str, str, str, float]) -> Callable[[], int]:
        name, code, attack_name, rho = request
        model = NetworkInPixels(code, checkpoint(path, name, code)).eval()
        attack = _attack(attack_name, model, rho, steps)

        def standing() -> int:
            attacked = attack(images, truth)
            with torch.no_grad():
                right = (model(images).argmax(1) == truth) & (model(attacked).argmax(1) == truth)
            return int(right.sum())

        return standing

    return prepare


def _attack(
    name: str, model: torch.nn.Module, rho: float, steps: int
) -> torchattacks.attack.Attack:
    """An attack by its name in `ntknas.attack.ATTACKS`."""
    if name == "fgsm":
        return torchattacks.FGSM(model, eps=rho)
    if name == "pgd":
        return torchattacks.PGD(model, eps=rho, alpha=2.5 * rho / steps, steps=steps)
    if name in ("apgd-ce", "apgd-dlr"):
        return torchattacks.APGD(model, eps=rho, steps=steps, loss=name.removeprefix("apgd-"))
    if name == "apgd-t":
        return torchattacks.APGDT(model, eps=rho, steps=steps)
    if name == "fab-t":
        return torchattacks.FAB(model, eps=rho, steps=steps, multi_targeted=True)
    if name == "square":
        return torchattacks.Square(model, eps=rho, n_queries=50 * steps)
    whole = torchattacks.AutoAttack(model, eps=rho, seed=0)
    for part in whole._autoattack.attacks:
        part.steps = steps
    whole._autoattack.attacks[-1].n_queries = 50 * steps
    return whole
