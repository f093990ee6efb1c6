"""Checkpoints of a training: the last one, to go on from, and the best one. Kept by Orbax.

A checkpoint is written beside the one before and put in its place when it is whole, so that a
process may be killed at any time.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from ntknas.errors import InputError
from ntknas.network import NetworkSpec
from ntknas.spaces.nasbench201 import Architecture, architecture_of
from ntknas.training.settings import network_from_values
from ntknas.training.step import TrainingState

__all__ = ["Checkpoint", "Checkpoints", "Trained", "load_checkpoint"]

KINDS = ("last", "best")
_CHECKSUM = "checksum"


class Checkpoint(NamedTuple):
    """A moment of a training.

    Attributes:
        state: Weights, running statistics and momentum.
        about: What else goes on from there, as JSON has it: see `ntknas.training.loop`.
    """

    state: TrainingState
    about: dict[str, Any]


class Checkpoints:
    """The checkpoints in a folder, for the process that trains.

    Args:
        folder: Folder of the training.
    """

    def __init__(self, folder: Path):
        self._managers = {kind: _manager(folder / kind, create=True) for kind in KINDS}

    def save(self, step: int, checkpoint: Checkpoint, *, best: bool = False) -> None:
        """Write a checkpoint.

        Args:
            step: Number of steps taken.
            checkpoint: What to write.
            best: Whether it is also the best so far.

        Raises:
            OSError: If it cannot be written; the one before is kept.
        """
        # The best comes first: a process that is killed in between repeats the epoch, and comes to
        # the same weights.
        state, about = checkpoint.state._asdict(), checkpoint.about
        about = about | {_CHECKSUM: _checksum(state, about)}
        for kind in ("best", "last") if best else ("last",):
            manager = self._managers[kind]
            if manager.latest_step() != step:
                arguments = ocp.args.Composite(
                    state=ocp.args.StandardSave(state), about=ocp.args.JsonSave(about)
                )
                try:
                    manager.save(step, args=arguments, force=True)
                except (OSError, ValueError) as error:  # a full disk is either of them
                    reason = " ".join(str(error).split())[:200]
                    place = manager.directory
                    raise OSError(
                        f"cannot write to {place}: {reason}; the training can be resumed"
                    ) from None

    def last(self) -> Checkpoint | None:
        """The last checkpoint; None if there is none.

        Raises:
            InputError: If it is damaged.
        """
        return _restore(self._managers["last"])

    def close(self) -> None:
        """Let go of the folder."""
        for manager in self._managers.values():
            manager.close()


def _manager(folder: Path, *, create: bool) -> ocp.CheckpointManager:
    """Orbax's manager of a folder that holds one checkpoint."""
    options = ocp.CheckpointManagerOptions(
        max_to_keep=1,
        create=create,
        enable_async_checkpointing=False,
        cleanup_tmp_directories=create,
        read_only=not create,
    )
    return ocp.CheckpointManager(folder.absolute(), options=options)


def _restore(manager: ocp.CheckpointManager) -> Checkpoint | None:
    """The checkpoint of a manager; InputError if it is damaged."""
    step = manager.latest_step()
    if step is None:
        return None
    arguments = ocp.args.Composite(state=ocp.args.StandardRestore(), about=ocp.args.JsonRestore())
    try:
        restored = manager.restore(step, args=arguments)
        state, about = restored.state, dict(restored.about)
        # Checkpoints of older versions have no checksum.
        if about.pop(_CHECKSUM, None) not in (None, _checksum(state, about)):
            raise ValueError("its checksum differs from its content")
        return Checkpoint(TrainingState(**state), about)
    except Exception as error:  # a damaged one can raise almost anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{manager.directory} is not a whole checkpoint: {reason}") from None


def _checksum(state: Any, about: Mapping[str, Any]) -> str:
    """The checksum of a checkpoint, in whatever containers Orbax returns its arrays."""
    text = json.dumps(about, sort_keys=True)
    of_arrays = sorted(
        blake2b(repr((array.shape, array.dtype.str)).encode() + array.tobytes()).hexdigest()
        for array in map(np.asarray, jax.tree.leaves(state))
    )
    return blake2b("".join([text, *of_arrays]).encode(), digest_size=8).hexdigest()


class Trained(NamedTuple):
    """A trained network.

    Attributes:
        architecture: Its cell.
        spec: The network around the cell, with frozen normalisation.
        variables: Collections `params` and `batch_stats`, for
            `Network(spec).apply(variables, images, architecture.ops)`.
        about: Seed, epoch, step and history of the training.
    """

    architecture: Architecture
    spec: NetworkSpec
    variables: Mapping[str, Any]
    about: dict[str, Any]


def load_checkpoint(folder: str | Path, architecture: Any = None, *, kind: str = "last") -> Trained:
    """The trained network in a folder of `ntknas train`, DIR/ID/seed_N.

    Args:
        folder: Folder of one training.
        architecture: Architecture that the network has to have; None means any.
        kind: Either "last" or "best".

    Returns:
        The network.

    Raises:
        InputError: If there is no such checkpoint, or it belongs to another architecture.
    """
    folder = Path(folder)
    if kind not in KINDS:
        raise InputError(f"expected a checkpoint of {', '.join(KINDS)}, got {kind!r}")
    if not (folder / kind).is_dir():
        raise InputError(f"expected a checkpoint in {folder / kind}, which is no folder")
    try:
        manager = _manager(folder / kind, create=False)
        checkpoint = _restore(manager)
        manager.close()
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{folder / kind} is not a whole checkpoint: {reason}") from None
    if checkpoint is None:
        raise InputError(f"no checkpoint in {folder / kind}")
    state, about = checkpoint
    held = Architecture.from_id(about["architecture"])
    if architecture is not None and architecture_of(architecture).ops != held.ops:
        wanted = architecture_of(architecture)
        raise InputError(
            f"expected the weights of architecture {wanted.id} in {folder}, got those of {held.id}"
        )
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    return Trained(held, network_from_values(about["network"]), variables, about)
