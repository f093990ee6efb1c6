"""BANANAS: an ensemble of small networks predicts values, and Thompson sampling chooses.

After some random architectures, each round trains the ensemble on all queries, mutates the best
architectures, and asks for the candidates with the highest draws: for each candidate independently
one draw from the normal distribution with the ensemble's mean and standard deviation.

Followed are the paper and its released program: 10 random architectures, rounds of 10, an ensemble
of 5 networks with 10 layers of 20 units, Adam with a step of 0.01, 100 candidates, which are
mutations of the best architectures. NAS-Bench-201's cells are encoded by their paths: one number
per possible path from input to output, 1 if the cell has it. Another space is encoded by its
choices, one-hot. Three things differ. A path with an operation none is no path. Values are
standardised and the loss is the absolute error, as the paper's relative error needs a bound of the
values. Training takes a fixed number of steps on random batches of 32, with arrays of one size, so
that the program is compiled once.

References:
    White et al., BANANAS: Bayesian optimization with neural architectures for neural architecture
    search, AAAI 2021.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float
from numpy.typing import NDArray

from ntknas.errors import InputError
from ntknas.search.loop import Evaluation
from ntknas.search.pool import Pool, Unasked, pool_of
from ntknas.spaces import NASBENCH201, Space

__all__ = ["Bananas", "encode"]

_CAPACITY = 1024  # queries that fit without another compilation
_CANDIDATES = 100
_PARENTS = 10
_STEPS = 200
_BATCH = 32
_TRIES = 20
_NONE = 0
_PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))  # edges of each path from input to output


def encode(pool: Pool) -> NDArray[np.float32]:
    """What the ensemble sees of each class, `[classes, features]` of zeros and ones.

    Args:
        pool: Classes of a space.

    Returns:
        For NAS-Bench-201 the path encoding of the representatives: one column per sequence of one
        to three operations other than none. For other spaces one column per choice and value.

    Example:
        >>> encode(pool_of(NASBENCH201)).shape
        (6466, 84)
    """
    digits = pool.digits
    if pool.space.name != NASBENCH201.name:
        columns = [np.eye(size)[digits[:, at]] for at, size in enumerate(pool.sizes)]
        return np.concatenate(columns, axis=1).astype(np.float32)
    lengths = range(1, 4)
    sequences = [ops for n in lengths for ops in itertools.product(range(1, 5), repeat=n)]
    column = {ops: number for number, ops in enumerate(sequences)}
    encoded = np.zeros((len(pool), len(sequences)), np.float32)
    for row, cell in zip(encoded, digits.tolist(), strict=True):
        for path in _PATHS:
            ops = tuple(cell[edge] for edge in path)
            if _NONE not in ops:
                row[column[ops]] = 1
    return encoded


class _Predictor(nn.Module):
    """A fully connected network with one output."""

    layers: int
    width: int

    @nn.compact
    def __call__(self, features: Float[Array, "n f"]) -> Float[Array, " n"]:
        for _ in range(self.layers):
            features = nn.relu(nn.Dense(self.width)(features))
        return nn.Dense(1)(features)[:, 0]


@functools.partial(jax.jit, static_argnames=("network", "ensemble"))
def _predict(
    key: jax.Array,
    features: Float[Array, "capacity f"],
    values: Float[Array, " capacity"],
    count: int | jax.Array,
    candidates: Float[Array, "c f"],
    *,
    network: _Predictor,
    ensemble: int,
) -> Float[Array, "e c"]:
    """Train an ensemble on the first `count` rows, and predict the candidates.

    `network` and `ensemble` are static: they fix the shapes of the program.
    """
    optimiser = optax.adam(0.01)

    def of_member(key):
        start, batches = jax.random.split(key)
        params = network.init(start, features[:1])

        def loss(params, rows):
            return jnp.abs(network.apply(params, features[rows]) - values[rows]).mean()

        def step(carry, rows):
            params, state = carry
            updates, state = optimiser.update(jax.grad(loss)(params, rows), state)
            return (optax.apply_updates(params, updates), state), None

        carry = (params, optimiser.init(params))
        rows = jax.random.randint(batches, (_STEPS, _BATCH), 0, count)
        (params, _), _ = jax.lax.scan(step, carry, rows)
        return network.apply(params, candidates)

    return jax.vmap(of_member)(jax.random.split(key, ensemble))


class Bananas:
    """BANANAS; see `ntknas.search.Search`.

    Args:
        space: The space.
        rng: Generator of all draws.
        ensemble: Number of networks of the ensemble.
        first: Number of random architectures before the ensemble is asked.
        per_round: Number of architectures that are asked for between two trainings.
        layers: Number of hidden layers of a network.
        width: Number of units of a hidden layer.

    Raises:
        InputError: If a number is below 1.
    """

    def __init__(
        self,
        space: Space[Any],
        rng: np.random.Generator,
        *,
        ensemble: int = 5,
        first: int = 10,
        per_round: int = 10,
        layers: int = 10,
        width: int = 20,
    ):
        given = {"ensemble": ensemble, "first": first, "per_round": per_round}
        for name, number in (given | {"layers": layers, "width": width}).items():
            if number < 1:
                raise InputError(f"expected {name} of at least 1, got {number}")
        self._pool = pool_of(space)
        self._encoded = _encoding_of(self._pool)
        self._rng = rng
        self._unasked = Unasked(len(self._pool), rng)
        self._network = _Predictor(layers, width)
        self._ensemble, self._first, self._per_round = ensemble, first, per_round
        self._told: list[tuple[float, int]] = []
        self._waiting: list[int] = []
        self._waiting_for = 0

    def ask(self, count: int) -> list[Any]:
        """Random architectures first, then the candidates of a round."""
        asked: list[Any] = []
        while len(asked) < count:
            if len(self._told) + self._waiting_for < self._first or not self._told:
                position = self._unasked.draw()
            else:
                if not self._waiting and not asked:
                    self._waiting = self._round()
                position = self._waiting.pop(0) if self._waiting else None
            if position is None:
                break
            self._unasked.discard(position)
            self._waiting_for += 1
            asked.append(self._pool.members[position])
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Add values; the ensemble is trained in the next round."""
        for evaluation in evaluations:
            position = self._pool.position(evaluation.architecture)
            self._unasked.discard(position)
            self._told.append((evaluation.value, position))
            self._waiting_for = max(0, self._waiting_for - 1)

    def _round(self) -> list[int]:
        """The classes to ask for next, best first."""
        candidates = self._candidates()
        if not candidates:
            return []
        values = _standardised(np.array([value for value, _ in self._told]))
        capacity = _CAPACITY
        while capacity < len(values):
            capacity *= 2
        rows = [position for _, position in self._told]
        features = np.zeros((capacity, self._encoded.shape[1]), np.float32)
        features[: len(rows)] = self._encoded[rows]
        targets = np.zeros(capacity, np.float32)
        targets[: len(rows)] = values
        shown = np.zeros((_CANDIDATES, self._encoded.shape[1]), np.float32)
        shown[: len(candidates)] = self._encoded[candidates]
        key = jax.random.key(int(self._rng.integers(2**31)))
        predicted = np.asarray(
            _predict(
                *(key, features, targets, len(rows), shown),
                network=self._network,
                ensemble=self._ensemble,
            ),
            np.float64,
        )[:, : len(candidates)]
        draws = self._rng.normal(predicted.mean(0), predicted.std(0))
        order = np.argsort(-draws, kind="stable")[: self._per_round]
        return [candidates[i] for i in order]

    def _candidates(self) -> list[int]:
        """Classes one step from the best queries; random ones if there are too few."""
        best = sorted(self._told, key=lambda told: -told[0])[:_PARENTS]
        found: dict[int, None] = {}
        for _ in range(_TRIES):
            for _, parent in best:
                steps = self._pool.steps(parent)
                if steps:
                    child = steps[int(self._rng.integers(len(steps)))]
                    if child in self._unasked:
                        found[child] = None
        candidates = list(found)[:_CANDIDATES]
        # Random architectures fill the round if the best have few neighbours left.
        while len(candidates) < self._per_round:
            rest = [p for p in range(len(self._pool)) if p in self._unasked and p not in found]
            if not rest:
                break
            chosen = rest[int(self._rng.integers(len(rest)))]
            found[chosen] = None
            candidates.append(chosen)
        return candidates


def _standardised(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Values of mean 0 and deviation 1; infinite ones count as the worst or best finite one."""
    finite = values[np.isfinite(values)]
    if not len(finite) or np.ptp(finite) == 0:
        return np.zeros(len(values))
    values = np.clip(values, finite.min(), finite.max())
    return (values - values.mean()) / values.std()


@functools.lru_cache(maxsize=4)
def _encoding_of(pool: Pool) -> NDArray[np.float32]:
    return encode(pool)
