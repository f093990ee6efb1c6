"""Variables of `Network` as a PyTorch state_dict: the inverse of `load_torch_weights`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ntknas.errors import InputError
from ntknas.layers.norm import Norm
from ntknas.network.spec import NetworkSpec
from ntknas.network.torch_weights import TorchEntry, torch_entries
from ntknas.spaces.nasbench201 import architecture_of

__all__ = ["check_torch", "export_torch_weights", "save_torch_weights"]


def check_torch() -> Any:
    """The module torch.

    Raises:
        InputError: If PyTorch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise InputError(
            "writing PyTorch weights needs PyTorch: pip install 'ntknas[torch]'"
        ) from None
    return torch


def export_torch_weights(
    variables: Mapping[str, Any], spec: NetworkSpec, architecture: Any, *, normaliser: bool = False
) -> dict[str, Any]:
    """The state_dict of the network of the package xautodl that computes the same logits.

    That network takes normalised images. With `normaliser`, the names are those of
    `Sequential(normaliser, network)`, as in NAS-RobBench-201's released files: mean and std are the
    buffers 0.mean and 0.std [3, 1, 1], and the names of the network begin with "1.".

    Args:
        variables: Collections `params` and `batch_stats` of `Network(spec)` with the architecture's
            operations.
        spec: The network around the cell, with frozen normalisation.
        architecture: The cell, or its id or string.
        normaliser: Whether mean and std are part of the state_dict.

    Returns:
        Tensors by name, for `load_state_dict`.

    Raises:
        InputError: If PyTorch is not installed; if the normalisation is not frozen; or if the
            weights are those of another architecture.
    """
    torch, architecture = check_torch(), architecture_of(architecture)
    if spec.norm is not Norm.FROZEN:
        raise InputError(f"expected a network with norm frozen to export, got norm {spec.norm}")
    prefix, state = "1." if normaliser else "", {}
    if normaliser:
        for name, values in (("mean", spec.mean), ("std", spec.std)):
            state[f"0.{name}"] = torch.tensor(values, dtype=torch.float32).view(3, 1, 1)
    entries = torch_entries(architecture, spec)
    held = _count(variables)
    if held != sum(entry.cell in (None, 0) for entry in entries.values()):
        raise InputError(f"the weights are not those of architecture {architecture.id}")
    for name, entry in entries.items():
        array = _read(variables, entry, architecture.id)
        # Flax's order of axes: HWIO becomes OIHW, and IO becomes OI.
        if array.ndim > 1:
            array = array.transpose(-1, -2, *range(array.ndim - 2))
        if array.shape != entry.shape:
            raise InputError(f"entry {name}: expected shape {entry.shape}, got {array.shape}")
        state[prefix + name] = torch.from_numpy(np.array(array, order="C"))
        if name.endswith("running_var"):
            count = name.replace("running_var", "num_batches_tracked")
            state[prefix + count] = torch.tensor(0)
    return state


def save_torch_weights(
    path: str | os.PathLike[str],
    variables: Mapping[str, Any],
    spec: NetworkSpec,
    architecture: Any,
    *,
    normaliser: bool = False,
) -> None:
    """Write the state_dict of `export_torch_weights` to a file, for `torch.load`.

    Args:
        path: File to write, in one step.
        variables: As for `export_torch_weights`.
        spec: As for `export_torch_weights`.
        architecture: As for `export_torch_weights`.
        normaliser: As for `export_torch_weights`.

    Raises:
        InputError: As `export_torch_weights`, or if the file cannot be written.
    """
    torch, path = check_torch(), Path(path)
    state = export_torch_weights(variables, spec, architecture, normaliser=normaliser)
    temporary = path.with_name(f".{path.name}.part")
    try:
        torch.save(state, temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"cannot write PyTorch weights to {path}: {reason}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _count(tree: Any) -> int:
    """The number of arrays of nested mappings."""
    return sum(map(_count, tree.values())) if isinstance(tree, Mapping) else 1


def _read(variables: Mapping[str, Any], entry: TorchEntry, label: int) -> np.ndarray:
    """The array of an entry, in Flax's order of axes."""
    leaf: Any = variables.get(entry.collection)
    for name in entry.path:
        leaf = leaf.get(name) if isinstance(leaf, Mapping) else None
    if leaf is None:
        where = "/".join(entry.path)
        raise InputError(f"the weights are not those of architecture {label}: no {where}")
    array = np.asarray(leaf)
    return array if entry.cell is None else array[entry.cell]
