"""`Scorer`: a session that holds settings, images, weights and compiled programs.

Search, experiments and runs take kernels from it. It writes no files.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from ntknas.engine.allocator import reused_memory
from ntknas.engine.executors import EXECUTORS
from ntknas.engine.futures import workers_of
from ntknas.engine.program import OF_CELLS, PROGRAMS, Program, default_program
from ntknas.engine.remote import Remote
from ntknas.engine.tasks import Computed, compute_launch, joint_gram
from ntknas.errors import InputError
from ntknas.images import ImageSet, ScoringBatch, load_images, scoring_batch
from ntknas.images.dataset import dataset_info
from ntknas.kernel import JointGram
from ntknas.runs import PRESETS, ScoreRow, ScoringSpec
from ntknas.spaces import NASBENCH201, Candidate, Space

__all__ = ["Scored", "Scorer", "fit_spec"]


def fit_spec(spec: ScoringSpec, images: ImageSet) -> ScoringSpec:
    """The spec with the images' dataset, classes, image size, mean and std.

    Args:
        spec: Settings of the run.
        images: The images that batches are drawn from.
    """
    info = dataset_info(images.dataset)
    network = spec.network and replace(
        spec.network,
        classes=info.classes,
        image_size=images.pixels.shape[1],
        mean=info.mean,
        std=info.std,
    )
    return replace(spec, dataset=images.dataset, images_sha256=images.sha256, network=network)


@dataclass(frozen=True)
class Scored:
    """What a session computes for one architecture.

    Attributes:
        architecture: The architecture that was scored.
        gram: Joint Gram matrices, a stack [s, r] of seeds and radii.
        proxies: Zero-cost proxies by name, for each seed; empty if the settings ask for none.
        counts: Scores that need no kernel, by name.
        seconds: Wall-clock seconds that the architecture took.
        dtype: Type of the arithmetic that computed the matrices; their entries are exact in it.
        rows: Rows of the table of scores, for each seed, if another process has computed them.
    """

    architecture: Candidate
    gram: JointGram
    proxies: list[dict[str, float]]
    counts: dict[str, float]
    seconds: float
    dtype: np.dtype
    rows: tuple[list[ScoreRow], ...] = ()


class Scorer:
    """A session, which prepares scoring once for any number of architectures.

    Args:
        spec: Settings of the run; None means the preset "standard". Classes, image size, mean and
            std are taken from the images.
        images: The images that batches are drawn from; None means the embedded CIFAR-10 sample.
        space: The search space; None means NAS-Bench-201.
        program: Name of a member of `PROGRAMS`. None means, for NAS-Bench-201, "branches" on CPUs
            and "bundles" on accelerators; for other spaces "static".
        executor: Name of a member of `EXECUTORS`, which computes in this process; or other
            processes: a Dask client, or an executor of futures such as those of
            `concurrent.futures`, `mpi4py.futures` and `submitit`.
        chunk: Number of architectures of a task of another process; None means a number that
            follows from the program and the number of workers.

    Raises:
        InputError: For settings that do not fit the space or the images.

    Example:
        >>> from ntknas.kernel import Batch
        >>> from ntknas.layers import Norm
        >>> from ntknas.network import NetworkSpec
        >>> network = NetworkSpec(channels=2, cells=1, norm=Norm.IMAGE)
        >>> scorer = Scorer(ScoringSpec(batch_size=2, batches=(Batch.CLEAN,), network=network))
        >>> scorer([0, 5])
        JointGram(2x1x1 of 2 images: clean; epsilon 1.19e-07)
    """

    def __init__(
        self,
        spec: ScoringSpec | None = None,
        images: ImageSet | None = None,
        *,
        space: Space[Any] | None = None,
        program: str | None = None,
        executor: Any = "threads",
        chunk: int | None = None,
    ):
        self.space: Space[Any] = NASBENCH201 if space is None else space
        self.images = load_images() if images is None else images
        self.spec = fit_spec(_spec_of(self.space, spec), self.images)
        self.batches: list[ScoringBatch] = [
            scoring_batch(self.images, self.spec.batch_size, seed=seed, balance=self.spec.balance)
            for seed in range(self.spec.seeds)
        ]
        if program is not None and PROGRAMS.check(program) in OF_CELLS and not self._of_cells:
            raise InputError(
                f"the program {program} is NAS-Bench-201's: expected static for {self.space.name}"
            )
        self._chosen = program or (None if self._of_cells else "static")
        self._program: Program | None = None
        self._remote: Remote | None = None
        if isinstance(executor, str):
            self._executor = EXECUTORS[executor]
        else:
            self._remote = Remote(
                workers_of(executor),
                self.spec,
                self.images,
                self.batches,
                self.space,
                program=self._chosen,
                chunk=chunk,
            )

    @property
    def _of_cells(self) -> bool:
        """Whether the space is NAS-Bench-201."""
        return self.space.name == NASBENCH201.name

    @property
    def program_name(self) -> str:
        """The name of the program; asks a worker if other processes compute."""
        if self._chosen is None and self._remote is not None:
            return self._remote.host(self.space.sample(1, 0)[0]).program
        return self._chosen or default_program(self.space.name)

    @property
    def device(self) -> str:
        """The kind of device that computes; asks a worker if other processes compute."""
        if self._remote is not None:
            return self._remote.host(self.space.sample(1, 0)[0]).device
        return jax.devices()[0].device_kind

    @property
    def program(self) -> Program:
        """The program, made when it is first needed."""
        if self._program is None:
            arguments = () if self.program_name in OF_CELLS else (self.space,)
            self._program = PROGRAMS[self.program_name](self.spec, self.batches, *arguments)
        return self._program

    def __call__(self, architectures: Any) -> JointGram:
        """The joint Gram matrices of some architectures.

        Args:
            architectures: Anything that the space's `parse` takes.

        Returns:
            A stack [a, s, r] of matrices by architecture, seed and radius (r = 1 without attacks).
        """
        chosen = self.space.parse(architectures)
        grams = {scored.architecture.id: scored.gram for scored in self.stream(chosen)}
        return JointGram.stack([grams[architecture.id] for architecture in chosen])

    def stream(self, architectures: Sequence[Candidate]) -> Generator[Scored, None, None]:
        """Architectures, each as soon as it is computed.

        Args:
            architectures: Architectures of the space.

        Yields:
            Kernels, proxies and counts, in the order of the architectures; in order of completion
            if other processes compute.

        Raises:
            OSError: If other processes cannot compute some architectures (`WorkFailed`, after all
                others), or cannot be reached any more (`WorkersLost`).
        """
        if not architectures:
            return
        if self._remote is not None:
            for architecture, computed in self._remote.stream(architectures):
                yield self._scored(architecture, computed)
            return
        program = self.program
        size = program.launch_size
        launches = [architectures[i : i + size] for i in range(0, len(architectures), size)]

        def compute(launch: Sequence[Candidate]) -> list[Scored]:
            computed = compute_launch(program, launch)
            return [self._scored(a, one) for a, one in zip(launch, computed, strict=True)]

        with reused_memory():
            for results in self._executor(compute, launches):
                yield from results

    def _scored(self, architecture: Candidate, computed: Computed) -> Scored:
        """What the session gives for an architecture."""
        grams, proxies, counts, seconds, rows = computed
        gram, dtype = joint_gram(self.spec, grams), grams.whole.dtype
        return Scored(architecture, gram, proxies, counts, seconds, dtype, rows)


def _spec_of(space: Space[Any], spec: ScoringSpec | None) -> ScoringSpec:
    """Settings for a space; settings of NAS-Bench-201's network are dropped for other spaces."""
    if space.name == NASBENCH201.name:
        spec = spec or PRESETS["standard"]
        if spec.space != space.name:
            raise InputError(f"expected settings for the space {space.name}, got {spec.space}")
        return spec
    if spec is None:
        standard = PRESETS["standard"]
        return replace(standard, space=space.name, network=None, coupled=True, attack_norm=None)
    if spec.network is not None:
        attack_norm = None if spec.attack_norm == spec.network.norm else spec.attack_norm
        spec = replace(spec, network=None, coupled=True, attack_norm=attack_norm, space=space.name)
    return replace(spec, space=space.name)
