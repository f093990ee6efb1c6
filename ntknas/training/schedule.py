"""The one-cycle learning rate, as `torch.optim.lr_scheduler.OneCycleLR` has it by default.

The rate rises from peak / 25 to the peak during the first 30% of the steps, and falls to
peak / 250,000 in the rest, each along half a cosine. PyTorch also moves the momentum unless told
not to. Here it is constant.

References:
    Smith & Topin, Super-convergence: very fast training of neural networks using large learning
    rates, 2019.
"""

import numpy as np
from jaxtyping import Float

from ntknas.errors import InputError

__all__ = ["one_cycle"]

_RISE = 0.3
_START_DIVISOR = 25.0
_END_DIVISOR = 1e4  # of the first rate


def one_cycle(steps: int, *, peak: float) -> Float[np.ndarray, " t"]:
    """The learning rate of every step.

    Args:
        steps: Number of steps T.
        peak: Largest rate.

    Returns:
        Rates of the steps 0 .. T - 1, in float64.

    Raises:
        InputError: If there is no step.

    Example:
        >>> one_cycle(11, peak=0.1).round(3).tolist()
        [0.004, 0.042, 0.096, 0.098, 0.088, 0.073, 0.053, 0.033, 0.016, 0.004, 0.0]
    """
    if steps < 1:
        raise InputError(f"expected at least one step, got {steps}")
    first = peak / _START_DIVISOR
    last = first / _END_DIVISOR
    top, end = _RISE * steps - 1, steps - 1
    step = np.arange(steps)
    rising = step <= top
    # Where a phase has no length, its steps take the phase's end, as in PyTorch.
    share = np.where(rising, step / max(top, 1e-12), (step - top) / max(end - top, 1e-12))
    start, target = np.where(rising, first, peak), np.where(rising, peak, last)
    return target + (start - target) / 2 * (1 + np.cos(np.pi * share))
