"""Tasks: some architectures under one seed, as a message that any process can compute.

A message says which versions and arithmetic made it, so that a process with others refuses it
before it reads the rest. A process keeps the programs of recent sessions, and computes the
architectures of all messages with one pool of threads.
"""

import contextlib
import hashlib
import pickle
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, cached_property, wraps
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

import ntknas
from ntknas.engine.allocator import reused_memory
from ntknas.engine.executors import num_threads
from ntknas.engine.program import OF_CELLS, PROGRAMS, Program, default_program
from ntknas.errors import InputError
from ntknas.images import ImageSet, batch_from_indices
from ntknas.kernel import Grams, JointGram
from ntknas.runs import GramRecord, ScoreRow, ScoringSpec, score_rows
from ntknas.spaces import Candidate, Label, NetworkTable

__all__ = [
    "Computed",
    "Host",
    "Message",
    "Session",
    "TaskFailed",
    "arithmetic",
    "compute_launch",
    "compute_message",
    "gram_record",
    "joint_gram",
    "message",
    "open_session",
    "rows_of_seed",
    "versions",
]

Result = TypeVar("Result")

_SESSIONS = 32  # about 7 MB each, for NAS-Bench-201's network of 16 channels


class Computed(NamedTuple):
    """What a program computes for one architecture.

    Attributes:
        kernels: The entry of `Program.grams`; the first axis of its matrices is that of the seeds.
        proxies: Zero-cost proxies by name, for each seed; empty if the settings ask for none.
        counts: Scores that need no kernel, by name.
        seconds: Wall-clock seconds that the architecture took.
        rows: Rows of the table of scores, for each seed; empty if the reader is to compute them.
    """

    kernels: Grams
    proxies: list[dict[str, float]]
    counts: dict[str, float]
    seconds: float
    rows: tuple[list[ScoreRow], ...] = ()


def compute_launch(program: Program, launch: Sequence[Candidate]) -> list[Computed]:
    """What a program computes for the architectures of one launch.

    Args:
        program: The program.
        launch: At most `program.launch_size` architectures.
    """
    start = time.perf_counter()
    kernels = program.grams(launch)
    proxies = [program.proxies(architecture) for architecture in launch]
    seconds = (time.perf_counter() - start) / len(launch)
    return [
        Computed(matrices, scores, program.counts(architecture), seconds)
        for architecture, matrices, scores in zip(launch, kernels, proxies, strict=True)
    ]


def joint_gram(spec: ScoringSpec, kernels: Grams) -> JointGram:
    """The joint Gram matrices of an architecture, rounded as a run stores them.

    Args:
        spec: Settings of the run.
        kernels: The entry of `Program.grams`.
    """
    dtype = kernels.whole.dtype
    with np.errstate(over="ignore"):
        return JointGram.from_grams(kernels, spec.batches).map(
            lambda matrices: matrices.astype(dtype).astype(np.float64)
        )


def gram_record(seed: int, rho: float, gram: JointGram, dtype: np.dtype) -> GramRecord:
    """The matrices of one seed and radius as a run stores them, in the type of the arithmetic.

    Args:
        seed: Seed of the weights and the attack.
        rho: Radius of the attack in pixel units.
        gram: The matrices.
        dtype: Type of the arithmetic.
    """
    with np.errstate(over="ignore"):
        stored = gram.map(lambda matrices: matrices.astype(dtype))
    return GramRecord(seed, rho, stored.gram, stored.layer_cosine, stored.parts)


def rows_of_seed(
    spec: ScoringSpec, gram: JointGram, labels: np.ndarray, *, constant: bool
) -> list[ScoreRow]:
    """The rows of the table of scores of one architecture under one seed.

    Args:
        spec: Settings of the run.
        gram: Joint Gram matrices of the seed, a stack [r] of radii.
        labels: Classes of the images.
        constant: Whether the architecture never connects input to output.
    """
    at_rho = {rho: gram[position] for position, rho in enumerate(spec.rhos or (0.0,))}
    return score_rows(spec.kernel_rows(), at_rho, labels, constant=constant)


@dataclass(frozen=True)
class Session:
    """What a process needs to compute kernels under one seed.

    Attributes:
        spec: Settings of the run.
        seed: Seed of the weights and the attack.
        images: The images of the seed's batch alone, in their order.
        program: Name of a member of `PROGRAMS`; None means the fastest for NAS-Bench-201 on the
            back end of the process.
        with_rows: Whether the process computes the rows of the table of scores as well.
    """

    spec: ScoringSpec
    seed: int
    images: ImageSet
    program: str | None
    with_rows: bool = False

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that a program of NAS-Bench-201 is made from, in hex."""
        parts = (self.spec.to_json(), self.seed, self.images.sha256, self.program)
        return hashlib.sha256(repr(parts).encode()).hexdigest()


class Message(NamedTuple):
    """A task on its way to another process.

    Attributes:
        versions: What both processes must have in common, see `versions`.
        body: The session, the architectures and, for a space of one's own, their networks by label;
            pickled, and read only if the versions agree.
    """

    versions: dict[str, str]
    body: bytes


class Host(NamedTuple):
    """What a process says of itself.

    Attributes:
        device: Kind of its first device.
        program: Name of the program that computes a session there.
        launch_size: Number of architectures that the program computes together.
        launches: Number of launches that keep the process busy.
    """

    device: str
    program: str
    launch_size: int
    launches: int


class TaskFailed(RuntimeError):
    """A task raised an error; its text is the kind and the first line of the error.

    Args:
        text: The text.
        details: The traceback, as text.
    """

    def __init__(self, text: str, details: str = ""):
        super().__init__(text, details)

    def __str__(self) -> str:
        return str(self.args[0])


def arithmetic() -> str:
    """The type of the arithmetic in force, float32 or float64; asks no device."""
    return jax.dtypes.canonicalize_dtype(np.float64).name


def versions() -> dict[str, str]:
    """What processes that compute for one run must have in common, by name."""
    return {"ntknas": ntknas.__version__, "jax": jax.__version__, "arithmetic": arithmetic()}


def message(
    session: Session,
    architectures: Sequence[Candidate],
    networks: Mapping[Label, Any] | None = None,
) -> Message:
    """The message of a task.

    Args:
        session: The session.
        architectures: Architectures to compute.
        networks: Networks of the architectures by label, for the program "static".

    Raises:
        InputError: If the networks cannot be pickled.
    """
    body = (session, tuple(architectures))
    if networks is None:
        return Message(versions(), pickle.dumps((*body, None)))
    try:
        return Message(versions(), (_cloudpickle() or pickle).dumps((*body, dict(networks))))
    except Exception as error:  # pickle raises nearly anything
        labels = ", ".join(str(architecture.id) for architecture in architectures[:3])
        hint = "" if _cloudpickle() else ", or install cloudpickle"
        raise InputError(
            f"cannot send network {labels} to another process: define it in a module{hint} "
            f"({type(error).__name__}: {error})"
        ) from None


@cache
def _cloudpickle() -> Any:
    """The module cloudpickle, which comes with Dask; None if it is not installed.

    It pickles functions and classes that no module holds.
    """
    with contextlib.suppress(ImportError):
        import cloudpickle

        return cloudpickle
    return None


def _plain_errors(function: Callable[[Message], Result]) -> Callable[[Message], Result]:
    """The function with errors that can be pickled, whatever the libraries of the reader."""

    @wraps(function)
    def plain(message: Message) -> Result:
        try:
            return function(message)
        except InputError as error:
            failure: Exception = InputError(str(error))
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            text = f"{type(error).__name__}: {lines[0]}"
            failure = TaskFailed(text, traceback.format_exc())
        raise failure  # out here, since Dask would pickle the first error as its context

    return plain


@_plain_errors
def open_session(message: Message) -> Host:
    """Make the program of a message's session in this process, and say what it is.

    Args:
        message: Message of the task; its architectures are not computed.

    Raises:
        InputError: If this process has other versions or arithmetic.
    """
    session, _, networks = _read(message)
    program = _held(session, networks).program
    name = session.program or default_program(session.spec.space)
    # A launch of bundles keeps the device busy by itself.
    launches = 1 if name == "bundles" else num_threads()
    return Host(jax.devices()[0].device_kind, name, program.launch_size, launches)


@_plain_errors
def compute_message(message: Message) -> list[Computed]:
    """Compute the architectures of a message, in order.

    Args:
        message: Message of the task.

    Raises:
        InputError: If this process has other versions or arithmetic, or a network does not fit.
        TaskFailed: If the computation fails.
    """
    session, architectures, networks = _read(message)
    held = _held(session, networks)
    with _lock:
        _keep_memory()
        pool = _pool()
    size = held.program.launch_size
    launches = [architectures[i : i + size] for i in range(0, len(architectures), size)]

    def compute(launch: Sequence[Any]) -> list[Computed]:
        computed = compute_launch(held.program, launch)
        if not session.with_rows:
            return computed
        return [
            one._replace(rows=(_rows(session, architecture, one),))
            for architecture, one in zip(launch, computed, strict=True)
        ]

    first: list[Computed] = []
    with held.lock:
        if not held.warm:  # compiles once for all threads
            first, held.warm = compute(launches.pop(0)), True
    return [*first, *(one for results in pool.map(compute, launches) for one in results)]


def _rows(session: Session, architecture: Candidate, computed: Computed) -> list[ScoreRow]:
    """The rows of an architecture under the seed of a session."""
    gram = joint_gram(session.spec, computed.kernels)[0]
    constant = architecture.is_constant
    return rows_of_seed(session.spec, gram, session.images.labels, constant=constant)


def _read(message: Message) -> tuple[Session, tuple[Any, ...], dict[Label, Any] | None]:
    """The session, the architectures and the networks of a message from a process like this."""
    ours = versions()
    differences = [
        f"{name} {ours.get(name)} instead of {wanted}"
        for name, wanted in message.versions.items()
        if ours.get(name) != wanted
    ]
    if differences:
        raise InputError(f"a worker has {', '.join(differences)}: expected the same everywhere")
    return pickle.loads(message.body)


@dataclass
class _Held:
    """A program, and whether it has been run and is therefore compiled."""

    program: Program
    warm: bool = False
    lock: Any = field(default_factory=threading.Lock)


_recent: OrderedDict[str, _Held] = OrderedDict()
_lock = threading.Lock()


def _held(session: Session, networks: dict[Label, Any] | None) -> _Held:
    """The program of a session; those of NAS-Bench-201's recent sessions are kept."""
    if networks is not None:
        return _Held(_make(session, NetworkTable(networks)))
    with _lock:
        if session.digest not in _recent:
            _recent[session.digest] = _Held(_make(session))
        _recent.move_to_end(session.digest)
        while len(_recent) > _SESSIONS:
            _recent.popitem(last=False)
        return _recent[session.digest]


def _make(session: Session, *spaces: NetworkTable) -> Program:
    """The program of a session, made anew."""
    name = session.program or default_program(session.spec.space)
    if (name in OF_CELLS) == bool(spaces):
        raise InputError(f"expected networks for the program static alone, got {name}")
    batch = batch_from_indices(session.images, session.images.indices)
    return PROGRAMS[name](session.spec, [batch], *spaces, seeds=[session.seed])


@cache
def _pool() -> ThreadPoolExecutor:
    """The threads of this process, which all tasks share."""
    return ThreadPoolExecutor(num_threads())


@cache
def _keep_memory() -> contextlib.ExitStack:
    """Keep the memory that programs free, until the process ends."""
    stack = contextlib.ExitStack()
    stack.enter_context(reused_memory())
    return stack
