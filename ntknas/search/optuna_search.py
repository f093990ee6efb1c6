"""Two searches of Optuna: tree-structured Parzen estimators, and a Gaussian process.

Each choice of an architecture (`Pool.digits`) is a categorical parameter. Architectures that were
asked for already are answered from memory, and Optuna is asked again.

References:
    Bergstra et al., Algorithms for hyper-parameter optimization, NeurIPS 2011.
    Akiba et al., Optuna: a next-generation hyperparameter optimization framework, KDD 2019.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ntknas.errors import InputError
from ntknas.search.loop import Evaluation
from ntknas.search.pool import Unasked, pool_of
from ntknas.spaces import Space

__all__ = ["GP", "TPE", "OptunaSearch"]

_TRIES = 20  # trials that are answered from memory before a random architecture takes their place


class OptunaSearch:
    """A sampler of Optuna behind `ntknas.search.Search`.

    Args:
        space: The space.
        rng: Generator of the sampler's seed, and of random architectures.
        sampler: Function from Optuna's module `samplers` and a seed to a sampler.

    Raises:
        InputError: If Optuna is not installed.
    """

    def __init__(self, space: Space[Any], rng: np.random.Generator, *, sampler: Any):
        optuna = _optuna()
        self._pool = pool_of(space)
        self._unasked = Unasked(len(self._pool), rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            chosen = sampler(optuna.samplers, int(rng.integers(2**31)))
            self._study = optuna.create_study(direction="maximize", sampler=chosen)
        self._make_trial = optuna.trial.create_trial
        categorical = optuna.distributions.CategoricalDistribution
        # Letters, because Optuna would take whole numbers for ordered ones in some samplers.
        self._distributions = {
            f"choice_{at}": categorical([str(digit) for digit in range(size)])
            for at, size in enumerate(self._pool.sizes)
            if size > 1
        }
        self._values: dict[int, float] = {}
        self._open: dict[int, Any] = {}  # trials whose value is not known yet, by class

    def ask(self, count: int) -> list[Any]:
        """The next trials."""
        asked: list[Any] = []
        while len(asked) < count:
            position = self._next()
            if position is None:
                break
            self._unasked.discard(position)
            asked.append(self._pool.members[position])
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Tell Optuna the values."""
        for evaluation in evaluations:
            position = self._pool.position(evaluation.architecture)
            self._unasked.discard(position)
            self._values[position] = evaluation.value
            trial = self._open.pop(position, None)
            if trial is not None:
                self._study.tell(trial, evaluation.value)
                continue
            digits = self._pool.digits[position].tolist()
            known = {name: str(digits[int(name[7:])]) for name in self._distributions}
            self._study.add_trial(
                self._make_trial(
                    params=known, distributions=self._distributions, value=evaluation.value
                )
            )

    def _next(self) -> int | None:
        for _ in range(_TRIES):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trial = self._study.ask(self._distributions)
            digits = tuple(
                int(trial.params.get(f"choice_{at}", 0)) for at in range(len(self._pool.sizes))
            )
            position = self._pool.by_digits.get(digits)
            if position in self._values:
                self._study.tell(trial, self._values[position])
            elif position is None or position not in self._unasked:
                self._study.tell(trial, state=_optuna().trial.TrialState.FAIL)
            else:
                self._open[position] = trial
                return position
        return self._unasked.draw()


class TPE(OptunaSearch):
    """Tree-structured Parzen estimators with Optuna's defaults, choices modelled jointly.

    Args:
        space: The space.
        rng: Generator of the sampler's seed.
    """

    def __init__(self, space: Space[Any], rng: np.random.Generator):
        super().__init__(
            space, rng, sampler=lambda of, seed: of.TPESampler(seed=seed, multivariate=True)
        )


class GP(OptunaSearch):
    """A Gaussian process with Optuna's defaults; it needs PyTorch, as Optuna's does.

    Args:
        space: The space.
        rng: Generator of the sampler's seed.

    Raises:
        InputError: If PyTorch is not installed.
    """

    def __init__(self, space: Space[Any], rng: np.random.Generator):
        try:
            import torch  # noqa: F401
        except ImportError:
            raise InputError("the search gp needs PyTorch: pip install 'ntknas[search]'") from None
        super().__init__(space, rng, sampler=lambda of, seed: of.GPSampler(seed=seed))


def _optuna() -> Any:
    """Optuna, which says nothing but errors."""
    try:
        import optuna
    except ImportError:
        raise InputError(
            "the searches tpe and gp need Optuna: pip install 'ntknas[search]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
