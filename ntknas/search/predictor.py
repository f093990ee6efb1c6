"""`Predictor`: our scores behind the methods that NASLib's search code calls.

NASLib fits a predictor on trained architectures, `fit(xtrain, ytrain, train_info)`, and asks it for
values of others, `query(xtest, info)`. Scores here need no training, so that labels cannot change
the order of the architectures. They only set the scale: after `fit` the values of the training
architectures have the mean and the standard deviation of their labels, so that acquisition
functions can compare values with accuracies.

References:
    White et al., How powerful are performance predictors in neural architecture search?, NeurIPS
    2021, for the interface.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntknas.errors import InputError, shorten
from ntknas.runs import load_precomputed
from ntknas.search.loop import Objective
from ntknas.search.objectives import stored_score
from ntknas.spaces import NASBENCH201, Architecture
from ntknas.spaces.nasbench201 import architecture_named

__all__ = ["Predictor"]

_SPACE = "nasbench201"


class Predictor:
    """A ranking of NAS-Bench-201 with the methods of a predictor of NASLib.

    An architecture is a graph of NASLib (with `get_op_indices`), six op indices of NASLib, an
    `Architecture`, a string or an id.

    Args:
        score: Function from architectures to values, higher is better: `stored_score` of a run, of
            a file or of the precomputed table, or `live_score`, which computes. None means the
            default ranking of the precomputed table, whose values are minus the rank.

    Example:
        >>> predictor = Predictor()
        >>> best, worst = (2, 2, 0, 2, 2, 2), (1, 1, 1, 1, 1, 1)
        >>> predictor.fit([best, worst], [80.0, 10.0])
        >>> predictor.query([worst, best]).tolist()
        [10.0, 80.0]
    """

    def __init__(self, score: Objective | None = None):
        self._score = score or stored_score(load_precomputed(), space=NASBENCH201)
        self._scale, self._shift = 1.0, 0.0
        self.ss_type = _SPACE

    def set_ss_type(self, ss_type: str) -> None:
        """Take note of NASLib's name of the search space.

        Args:
            ss_type: Name of the search space.

        Raises:
            InputError: If it is not NAS-Bench-201.
        """
        if ss_type != _SPACE:
            raise InputError(f"expected the search space {_SPACE}, got {ss_type!r}")

    def pre_process(self) -> None:
        """Do nothing; NASLib calls this before a search."""

    def get_data_reqs(self) -> dict[str, Any]:
        """What the predictor needs to know of an architecture: nothing but itself."""
        return {
            "requires_partial_lc": False,
            "metric": None,
            "requires_hyperparameters": False,
            "hyperparams": None,
            "unlabeled": False,
            "unlabeled_factor": 0,
        }

    def fit(self, xtrain: Sequence[Any], ytrain: Any, train_info: Any = None) -> None:
        """Set the scale of the values; their order stays.

        With fewer than two different labels or two different values, the values stay as they are.

        Args:
            xtrain: Trained architectures.
            ytrain: Their accuracies, in any unit.
            train_info: Not used.

        Raises:
            InputError: If there is not one finite number for each architecture.
        """
        del train_info
        try:
            labels = np.asarray(ytrain, float)
        except (TypeError, ValueError):
            labels = np.array(np.nan)
        if labels.shape != (len(xtrain),) or not np.isfinite(labels).all():
            raise InputError(
                f"expected one finite accuracy for each of {len(xtrain)} architectures, got "
                f"{shorten(repr(ytrain))}"
            )
        self._scale, self._shift = 1.0, 0.0
        values = self._values(xtrain)
        known = np.isfinite(values)
        values, labels = values[known], labels[known]
        if len(values) and np.ptp(values) > 0 and np.ptp(labels) > 0:
            self._scale = float(labels.std() / values.std())
            self._shift = float(labels.mean() - self._scale * values.mean())

    def query(self, xtest: Any, info: Any = None) -> NDArray[np.floating] | float:
        """Values of architectures; higher is better.

        Args:
            xtest: Architectures, or a single graph, `Architecture` or string.
            info: Not used.

        Returns:
            One number per architecture, or a number for a single one. Architectures that the score
            does not know have minus infinity.

        Raises:
            InputError: For something that is no architecture.
        """
        del info
        if isinstance(xtest, (str, Architecture)) or hasattr(xtest, "get_op_indices"):
            return float(self._calibrated([xtest])[0])
        return self._calibrated(xtest)

    def _calibrated(self, architectures: Sequence[Any]) -> NDArray[np.floating]:
        return self._shift + self._scale * self._values(architectures)

    def _values(self, architectures: Sequence[Any]) -> NDArray[np.floating]:
        """The values of the score, before `fit`."""
        if len(architectures) == 6 and all(_is_op_index(one) for one in architectures):
            raise InputError(
                "expected a list of architectures, got six numbers 0..4, which may be one "
                f"architecture or six ids: write [{tuple(architectures)}], or strings of ids"
            )
        return np.asarray(self._score([_cell(one) for one in architectures]), float)


def _is_op_index(one: Any) -> bool:
    return isinstance(one, (int, np.integer)) and bool(0 <= one <= 4)


def _cell(one: Any) -> Architecture:
    """The architecture that a search of NASLib hands over."""
    if isinstance(one, Architecture):
        return one
    if isinstance(one, str):
        return architecture_named(one)
    if isinstance(one, (int, np.integer)) and not isinstance(one, bool):
        return Architecture.from_id(one)
    return Architecture.from_naslib(one)
