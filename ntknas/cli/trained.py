"""The options that name a trained network, and its reader: PyTorch's file, or our checkpoint."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ntknas.errors import InputError

if TYPE_CHECKING:
    from ntknas.spaces.nasbench201 import Architecture

__all__ = ["TrainedNetwork", "add_trained", "add_surrogate", "read_surrogate", "read_trained"]


class TrainedNetwork(NamedTuple):
    """A trained network.

    Attributes:
        architecture: Its cell.
        source: File or folder that it was read from.
        normaliser: Where mean and std come from, in words.
        classes: Number of logits.
        image_size: Height and width of its images in pixels; None means those of the data set.
        apply_fn: Function from variables and images to logits.
        variables: Weights and running statistics.
    """

    architecture: "Architecture"
    source: str
    normaliser: str
    classes: int
    image_size: int | None
    apply_fn: Any
    variables: Any


def add_trained(group: Any) -> None:
    """Add the options that name the network.

    Args:
        group: Parser or group of a parser.
    """
    source = group.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--checkpoint",
        metavar="DIR",
        help="folder of one training of `ntknas train`, DIR/ID/seed_N",
    )
    source.add_argument("--torch-weights", metavar="FILE", help="PyTorch checkpoint of the network")
    group.add_argument(
        "--arch",
        metavar="SPEC",
        help="architecture of --torch-weights: an id, an architecture string, or code:421211; with "
        "--checkpoint, the one that it has to be of",
    )
    group.add_argument(
        "--best",
        action="store_true",
        help="the best epoch of --checkpoint; default: the last one",
    )
    group.add_argument(
        "--checkpoint-seed", metavar="S", help="seed to read from --torch-weights with several"
    )


def add_surrogate(group: Any) -> None:
    """Add the options that name another network.

    Args:
        group: Parser or group of a parser.
    """
    source = group.add_mutually_exclusive_group()
    source.add_argument(
        "--surrogate-checkpoint",
        metavar="DIR",
        help="another network, whose attacked images are tried on this one",
    )
    source.add_argument("--surrogate-weights", metavar="FILE", help="the same from PyTorch")
    group.add_argument(
        "--surrogate-arch", metavar="SPEC", help="architecture of --surrogate-weights"
    )


def read_trained(args: argparse.Namespace) -> TrainedNetwork:
    """The network that the options name.

    Args:
        args: Options of `add_trained`.

    Raises:
        InputError: If it cannot be read, or an option does not belong to it.
    """
    if args.checkpoint is not None:
        if args.checkpoint_seed is not None:
            raise InputError("--checkpoint-seed belongs to --torch-weights")
        return _of_training(args.checkpoint, args.arch, "best" if args.best else "last")
    if args.best:
        raise InputError("--best belongs to --checkpoint")
    if args.arch is None:
        raise InputError("--torch-weights needs --arch, the architecture of the weights")
    return _of_torch(args.torch_weights, args.arch, args.checkpoint_seed)


def read_surrogate(args: argparse.Namespace) -> TrainedNetwork | None:
    """The other network that the options name; None if they name none.

    Args:
        args: Options of `add_surrogate`.

    Raises:
        InputError: If it cannot be read.
    """
    if args.surrogate_checkpoint is not None:
        return _of_training(args.surrogate_checkpoint, args.surrogate_arch, "last")
    if (args.surrogate_weights is None) != (args.surrogate_arch is None):
        raise InputError("expected --surrogate-weights and --surrogate-arch together")
    if args.surrogate_weights is None:
        return None
    return _of_torch(args.surrogate_weights, args.surrogate_arch, None)


def _of_torch(path: str, arch: str, seed: str | None) -> TrainedNetwork:
    """The network of a PyTorch checkpoint."""
    from ntknas.network import load_torch_weights

    cell = _one(arch)
    loaded = load_torch_weights(path, cell, seed=seed)
    known = loaded.normaliser == "of the checkpoint"
    words = loaded.normaliser if known else f"of {loaded.normaliser}"
    return _network(cell, path, words, loaded.spec, loaded.variables)._replace(image_size=None)


def _of_training(folder: str, arch: str | None, kind: str) -> TrainedNetwork:
    """The network of a checkpoint of `ntknas train`."""
    from absl import logging

    from ntknas.training import load_checkpoint

    logging.set_verbosity(logging.ERROR)  # Orbax tells of every step
    if (Path(folder) / "settings.json").is_file():
        found = sorted(str(path) for path in Path(folder).glob("*/seed_*"))
        example = found[0] if found else f"{folder}/ID/seed_0"
        raise InputError(f"expected the folder of one training, such as {example}; got {folder}")
    loaded = load_checkpoint(folder, None if arch is None else _one(arch), kind=kind)
    words = "of the training"
    return _network(loaded.architecture, folder, words, loaded.spec, loaded.variables)


def _one(arch: str) -> "Architecture":
    """The architecture that a text names."""
    from ntknas.spaces.nasbench201 import architectures

    chosen = architectures(arch)
    if len(chosen) != 1:
        raise InputError(f"expected one architecture, got {len(chosen)}")
    return chosen[0]


def _network(cell: Any, source: str, normaliser: str, spec: Any, variables: Any) -> TrainedNetwork:
    """The network as a function of its variables and images."""
    from ntknas.network import Network

    network, ops = Network(spec), cell.ops

    def apply_fn(variables: Any, images: Any) -> Any:
        return network.apply(variables, images, ops)

    return TrainedNetwork(
        cell, source, normaliser, spec.classes, spec.image_size, apply_fn, variables
    )
