"""`Scorer`: a session that holds settings, images, weights and compiled programs.

Search, experiments and runs take kernels from it. It writes no files.
"""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ntknas.engine.allocator import reused_memory
from ntknas.engine.executors import EXECUTORS
from ntknas.engine.program import OF_CELLS, PROGRAMS, Program, default_program
from ntknas.errors import InputError
from ntknas.images import ImageSet, ScoringBatch, load_images, scoring_batch
from ntknas.images.dataset import dataset_info
from ntknas.kernel import Grams, JointGram
from ntknas.runs import PRESETS, ScoringSpec
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
    """

    architecture: Candidate
    gram: JointGram
    proxies: list[dict[str, float]]
    counts: dict[str, float]
    seconds: float
    dtype: np.dtype


class Scorer:
    """A session, which prepares scoring once for any number of architectures.

    Args:
        spec: Settings of the run; None means the preset "standard". Classes, image size, mean and
            std are taken from the images.
        images: The images that batches are drawn from; None means the embedded CIFAR-10 sample.
        space: The search space; None means NAS-Bench-201.
        program: Name of a member of `PROGRAMS`. None means, for NAS-Bench-201, "branches" on CPUs
            and "bundles" on accelerators; for other spaces "static".
        executor: Name of a member of `EXECUTORS`.

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
        executor: str = "threads",
    ):
        self.space: Space[Any] = NASBENCH201 if space is None else space
        self.images = load_images() if images is None else images
        self.spec = fit_spec(_spec_of(self.space, spec), self.images)
        self.batches: list[ScoringBatch] = [
            scoring_batch(self.images, self.spec.batch_size, seed=seed, balance=self.spec.balance)
            for seed in range(self.spec.seeds)
        ]
        self.program_name = PROGRAMS.check(program or default_program(self.space.name))
        if self.program_name in OF_CELLS and self.space.name != NASBENCH201.name:
            raise InputError(
                f"the program {self.program_name} is NAS-Bench-201's: expected static for "
                f"{self.space.name}"
            )
        self._make = PROGRAMS[self.program_name]
        self._executor = EXECUTORS[executor]
        self._program: Program | None = None

    @property
    def program(self) -> Program:
        """The program, made when it is first needed."""
        if self._program is None:
            arguments = () if self.program_name in OF_CELLS else (self.space,)
            self._program = self._make(self.spec, self.batches, *arguments)
        return self._program

    def __call__(self, architectures: Any) -> JointGram:
        """The joint Gram matrices of some architectures.

        Args:
            architectures: Anything that the space's `parse` takes.

        Returns:
            A stack [a, s, r] of matrices by architecture, seed and radius (r = 1 without attacks).
        """
        return JointGram.stack(
            [scored.gram for scored in self.stream(self.space.parse(architectures))]
        )

    def stream(self, architectures: Sequence[Candidate]) -> Generator[Scored, None, None]:
        """Architectures in order, each as soon as it is computed.

        Args:
            architectures: Architectures of the space.

        Yields:
            Kernels, proxies and counts.
        """
        if not architectures:
            return
        program = self.program
        size = program.launch_size
        launches = [architectures[i : i + size] for i in range(0, len(architectures), size)]

        def compute(launch: Sequence[Candidate]) -> list[Scored]:
            start = time.perf_counter()
            grams = program.grams(launch)
            proxies = [program.proxies(architecture) for architecture in launch]
            seconds = (time.perf_counter() - start) / len(launch)
            return [
                Scored(a, self._joint(one), scores, program.counts(a), seconds, one.whole.dtype)
                for a, one, scores in zip(launch, grams, proxies, strict=True)
            ]

        with reused_memory():
            for results in self._executor(compute, launches):
                yield from results

    def _joint(self, grams: Grams) -> JointGram:
        """The matrices, rounded to the arithmetic's type as a run stores them."""
        dtype = grams.whole.dtype
        with np.errstate(over="ignore"):
            return JointGram.from_grams(grams, self.spec.batches).map(
                lambda matrices: matrices.astype(dtype).astype(np.float64)
            )


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
