"""PyTorch weights of the NAS-Bench-201 network, as variables of `Network`.

The layout is the state_dict of the package xautodl. NAS-RobBench-201's released checkpoints have
it inside `Sequential(normaliser, network)`, some of them below the prefix `model.` of a
LightningModule. Its code can also normalise outside of the network, so that a checkpoint brings no
normaliser.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ntknas.errors import InputError, shorten
from ntknas.images import DATASETS
from ntknas.layers.norm import Norm
from ntknas.network.spec import NetworkSpec
from ntknas.spaces.nasbench201 import Architecture, LayerKind, architecture_of, layers

__all__ = ["LoadedWeights", "TorchEntry", "load_torch_weights", "torch_entries"]

_ANCHOR = "classifier.weight"
_NORMALISER = {"mean": "mean", "std": "std", "mu": "mean", "sigma": "std"}
_NORM_ENTRIES = {
    "scale": ("params", "weight"),
    "bias": ("params", "bias"),
    "mean": ("batch_stats", "running_mean"),
    "variance": ("batch_stats", "running_var"),
}


class TorchEntry(NamedTuple):
    """Where the variables hold an entry of a state_dict.

    Attributes:
        collection: Either "params" or "batch_stats".
        path: Path in the collection.
        cell: Position of the cell in its stage, whose weights are stacked; None outside of cells.
        shape: Shape in PyTorch.
    """

    collection: str
    path: tuple[str, ...]
    cell: int | None
    shape: tuple[int, ...]


class LoadedWeights(NamedTuple):
    """Weights and the network that they fit.

    Attributes:
        spec: The network: width, cells and classes from the shapes of the weights, mean and std as
            `normaliser` says, and frozen normalisation.
        variables: Collections `params` and `batch_stats` of `Network(spec)` with the architecture's
            operations, in float32 (or float64 where the file has it).
        normaliser: Where mean and std come from: "given", "of the checkpoint", or the name of the
            data set with this number of classes.
    """

    spec: NetworkSpec
    variables: dict[str, Any]
    normaliser: str


def load_torch_weights(
    source: Any,
    architecture: Any,
    *,
    mean: Any = None,
    std: Any = None,
    seed: int | str | None = None,
) -> LoadedWeights:
    """Read a checkpoint or a state_dict.

    Args:
        source: Path of a file written by `torch.save` (needs PyTorch), or a mapping from names to
            tensors or arrays. The mapping may lie below the key "state_dict", "model" or "net", or
            below the key of a seed.
        architecture: The architecture that the weights belong to, or its id or string.
        mean: Mean per channel that the network subtracts, in [0, 1] pixel units, with `std`. None
            means that of the checkpoint's normaliser, or, if it has none, that of the data set with
            this number of classes (10: CIFAR-10, 100: CIFAR-100, 120: ImageNet16-120).
        std: Standard deviation per channel, with `mean`.
        seed: Key of the seed to read from a checkpoint with several.

    Returns:
        The weights; use them as `Network(spec).apply(variables, images, architecture.ops)`.

    Raises:
        InputError: If the file cannot be read; if entries are missing, left over or misshapen; or
            if mean and std are neither given, nor in the checkpoint, nor known.
    """
    architecture = architecture_of(architecture)
    if (mean is None) != (std is None):
        raise InputError("expected mean and std together, got only one of them")
    if not isinstance(source, (str, Path, Mapping)):
        raise InputError(
            f"expected the path of a checkpoint or a state_dict, got {type(source).__name__}"
        )
    loaded = source if isinstance(source, Mapping) else _load(Path(source))
    state = _arrays(_unwrapped(loaded, seed))
    prefix = _prefix(state)
    inside = {name.removeprefix(prefix): a for name, a in state.items() if name.startswith(prefix)}
    outside = {name: a for name, a in state.items() if not name.startswith(prefix)}
    if prefix == "":  # a normaliser inside the network shares its (empty) prefix
        outside = {n: a for n, a in inside.items() if _is_normaliser(n)}
    else:
        outside |= {n: a for n, a in inside.items() if _is_normaliser(n)}
    inside = {n: a for n, a in inside.items() if not _is_normaliser(n)}

    spec = _read_spec(inside)
    expected = torch_entries(architecture, spec)
    _compare(expected, inside, architecture)
    colours = _normaliser(outside)
    if mean is not None and std is not None:
        normaliser, colours = "given", {"mean": _channels(mean), "std": _channels(std)}
    elif colours:
        normaliser = "of the checkpoint"
    else:
        normaliser, colours = _of_dataset(spec.classes)
    spec = replace(spec, **colours)
    variables: dict[str, Any] = {"params": {}, "batch_stats": {}}
    for name, (collection, path, cell, _) in expected.items():
        _place(variables[collection], path, cell, spec.cells, _to_flax(inside[name]))
    return LoadedWeights(spec, variables, normaliser)


def _unwrapped(state: Mapping[Any, Any], seed: int | str | None) -> Mapping[Any, Any]:
    """The state_dict of a checkpoint, from below the keys that programs put it under."""
    for name in ("state_dict", "model", "net"):
        if isinstance(state.get(name), Mapping):
            return _unwrapped(state[name], seed)
    seeds = {str(key): value for key, value in state.items() if isinstance(value, Mapping)}
    if seeds and len(seeds) == len(state) and all(key.isdecimal() for key in seeds):
        if seed is None and len(seeds) > 1:
            raise InputError(f"choose a seed of the checkpoint: {', '.join(seeds)}")
        chosen = next(iter(seeds)) if seed is None else str(seed)
        if chosen not in seeds:
            raise InputError(f"expected a seed of the checkpoint: {', '.join(seeds)}; got {seed}")
        return _unwrapped(seeds[chosen], None)
    if seed is not None:
        raise InputError(f"expected a checkpoint with seeds, got one without, and seed {seed}")
    return state


def _of_dataset(classes: int) -> tuple[str, dict[str, Any]]:
    """Name, mean and std of the data set with this number of classes."""
    for info in DATASETS.values():
        if info.classes == classes:
            return info.name, {"mean": info.mean, "std": info.std}
    raise InputError(
        f"the checkpoint has no normaliser, and no data set is known with {classes} classes: give "
        "mean and std"
    )


def _channels(values: Any) -> tuple[float, ...]:
    """Mean or standard deviation per channel, after a check."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.size != 3 or not np.isfinite(array).all():
        raise InputError(f"expected three numbers as mean and as std, got {shorten(values)}")
    return tuple(array.ravel().tolist())


def _load(path: Path) -> Mapping[Any, Any]:
    """The mapping in a checkpoint file."""
    if not path.is_file():
        raise InputError(f"no checkpoint at {path}")
    try:
        import torch
    except ImportError:
        raise InputError("reading a checkpoint file needs PyTorch: pip install torch") from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on damaged files PyTorch raises nearly anything
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{path} is not a readable PyTorch checkpoint: {reason}") from None
    if not isinstance(state, Mapping):
        raise InputError(f"expected a state_dict in {path}, got {type(state).__name__}")
    return state


def _arrays(state: Mapping[Any, Any]) -> dict[str, np.ndarray]:
    """The entries of a state_dict as arrays, without the counts of batches."""
    if not all(isinstance(name, str) for name in state):
        raise InputError("expected a state_dict, a mapping from names to tensors")
    skip = ("num_batches_tracked",)
    return {name: _array(name, a) for name, a in state.items() if not name.endswith(skip)}


def _array(name: str, value: Any) -> np.ndarray:
    """An entry as an array, in float64 if it has that type and else in float32."""
    if hasattr(value, "detach"):  # a tensor; NumPy has no bfloat16
        value = value.detach().cpu()
        value = value.float() if "float16" in str(value.dtype) else value
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.empty(0, object)
    if array.dtype.kind not in "fiu":
        raise InputError(f"entry {name}: expected an array of numbers, got {type(value).__name__}")
    return array.astype(np.float64 if array.dtype == np.float64 else np.float32)


def _prefix(state: dict[str, np.ndarray]) -> str:
    """The prefix of the network's entries."""
    prefixes = [name.removesuffix(_ANCHOR) for name in state if name.endswith(_ANCHOR)]
    if len(prefixes) != 1:
        examples = ", ".join(list(state)[:3]) or "nothing"
        raise InputError(
            f"expected one entry named ...{_ANCHOR} in the state_dict, got {len(prefixes)} among "
            f"{len(state)} entries ({examples}, ...)"
        )
    return prefixes[0]


def _is_normaliser(name: str) -> bool:
    """Whether an entry is the mean or the standard deviation of the normaliser of pixels."""
    return name.rpartition(".")[2] in _NORMALISER


def _normaliser(outside: dict[str, np.ndarray]) -> dict[str, Any]:
    """Mean and std of the normaliser, from the entries outside of the network."""
    colours: dict[str, Any] = {}
    for name, array in outside.items():
        if not _is_normaliser(name) or array.size != 3:
            raise InputError(f"unexpected entry {name} of shape {array.shape} in the state_dict")
        colours[_NORMALISER[name.rpartition(".")[2]]] = _channels(array)
    if len(colours) == 1:
        raise InputError(f"expected mean and std in the state_dict, got only {next(iter(colours))}")
    return colours


def _read_spec(inside: dict[str, np.ndarray]) -> NetworkSpec:
    """The network, from the shapes of its entries; mean and std are still to be set."""
    for name, dimensions in (("stem.0.weight", 4), (_ANCHOR, 2)):
        if name not in inside:
            raise InputError(f"missing entry {name} in the state_dict")
        if inside[name].ndim != dimensions:
            shape = inside[name].shape
            raise InputError(f"entry {name}: expected {dimensions} dimensions, got shape {shape}")
    matches = (re.fullmatch(r"cells\.(\d+)\.conv_a\.op\.1\.weight", name) for name in inside)
    reductions = [int(match[1]) for match in matches if match]
    if len(reductions) != 2 or min(reductions) < 1:
        raise InputError(f"expected two reduction blocks in the state_dict, got {len(reductions)}")
    return NetworkSpec(
        channels=inside["stem.0.weight"].shape[0],
        cells=min(reductions),
        classes=inside[_ANCHOR].shape[0],
        norm=Norm.FROZEN,
    )


def torch_entries(architecture: Architecture, spec: NetworkSpec) -> dict[str, TorchEntry]:
    """The entries of a network's state_dict, by name, in the order of `ntknas.spaces` layers.

    Args:
        architecture: The cell.
        spec: The network around the cell.

    Returns:
        The place of each entry, the counts of batches apart.
    """
    entries: dict[str, TorchEntry] = {}
    listed = layers(
        architecture.ops, channels=spec.channels, cells=spec.cells, classes=spec.classes
    )
    for layer in listed:
        features = (layer.outputs,)
        if layer.kind is LayerKind.LINEAR:
            path, shape = (*layer.path, "kernel"), (layer.outputs, layer.inputs)
            entries[f"{layer.torch}.weight"] = TorchEntry("params", path, None, shape)
            path = (*layer.path, "bias")
            entries[f"{layer.torch}.bias"] = TorchEntry("params", path, None, features)
        elif layer.kind is not LayerKind.NORMALISATION:
            kernel_shape = (layer.outputs, layer.inputs, layer.size, layer.size)
            is_shortcut = layer.kind is LayerKind.SHORTCUT
            path = layer.path if is_shortcut else (*layer.path, "kernel")
            entry = TorchEntry("params", path, layer.cell, kernel_shape)
            entries[f"{layer.torch}.weight"] = entry
        if layer.kind.normalised:
            is_norm = layer.kind is LayerKind.NORMALISATION
            path = layer.path if is_norm else (*layer.path, "norm")
            for key, (collection, suffix) in _NORM_ENTRIES.items():
                entry = TorchEntry(collection, (*path, key), layer.cell, features)
                entries[f"{layer.torch_norm}.{suffix}"] = entry
    return entries


def _compare(expected: dict, arrays: dict[str, np.ndarray], architecture: Architecture) -> None:
    """Check that the entries are those of the architecture's network."""
    missing = [name for name in expected if name not in arrays]
    extra = [name for name in arrays if name not in expected]
    if missing or extra:
        parts = [
            f"{len(names)} {kind} ({names[0]}{', ...' if len(names) > 1 else ''})"
            for kind, names in (("missing", missing), ("unexpected", extra))
            if names
        ]
        raise InputError(f"state_dict does not fit {architecture}: entries {' and '.join(parts)}")
    for name, (*_, shape) in expected.items():
        if arrays[name].shape != shape:
            raise InputError(f"entry {name}: expected shape {shape}, got {arrays[name].shape}")
        if not np.isfinite(arrays[name]).all():
            raise InputError(f"entry {name}: expected finite values, got NaN or infinity")
        if name.endswith("running_var") and arrays[name].min() < 0:
            raise InputError(f"entry {name}: expected variances >= 0, got {arrays[name].min()}")


def _to_flax(array: np.ndarray) -> np.ndarray:
    """An array in Flax's order of axes: OIHW becomes HWIO, and OI becomes IO."""
    return array.transpose(*range(2, array.ndim), 1, 0) if array.ndim > 1 else array


def _place(tree: dict, path: tuple, cell: int | None, cells: int, array: np.ndarray) -> None:
    """Put an array at a path of a tree; the arrays of a stage's cells are stacked."""
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    if cell is None:
        tree[path[-1]] = array
        return
    stacked = tree.setdefault(path[-1], np.empty((cells, *array.shape), array.dtype))
    stacked[cell] = array
