"""The one-cycle schedule against PyTorch's."""

import numpy as np
import pytest
import torch

from ntknas.errors import InputError
from ntknas.training import one_cycle


def of_torch(steps, peak):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([weight], lr=1.0, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, peak, total_steps=steps, cycle_momentum=False
    )
    rates = []
    for _ in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if len(rates) < steps:
            schedule.step()
    assert optimiser.param_groups[0]["momentum"] == 0.9
    return rates


# PyTorch divides by zero where the first phase has no length, at 10 / 3 steps.
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 7, 10, 11, 50, 196 * 3])
@pytest.mark.parametrize("peak", [0.1, 0.02])
def test_equals_pytorch(steps, peak):
    np.testing.assert_allclose(one_cycle(steps, peak=peak), of_torch(steps, peak), atol=1e-12)


def test_rises_to_the_peak_and_falls_to_nothing():
    rates = one_cycle(1000, peak=0.1)
    assert rates.argmax() == 299
    assert rates.max() == pytest.approx(0.1)
    assert rates[0] == pytest.approx(0.004)
    assert rates[-1] == pytest.approx(4e-7)


def test_no_step():
    with pytest.raises(InputError, match="at least one step, got 0"):
        one_cycle(0, peak=0.1)
