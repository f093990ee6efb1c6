"""How a network is trained: optimiser, schedule, attack and augmentation. Needs no JAX.

The default is the recipe that the accuracies of NAS-RobBench-201 come from (Wu et al., ICLR 2024,
section 3).
"""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from ntknas.attack import AttackSpec, check_radius
from ntknas.errors import InputError
from ntknas.kernel.names import check_beta
from ntknas.scores import format_fraction

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """Settings of training, whatever the network and the images.

    SGD with Nesterov-free momentum minimises (1 - beta) clean + beta robust cross-entropy. The
    attack is run on the network of the moment with its running statistics, PyTorch's `eval()`. The
    loss is taken with statistics of the batch, `train()`. For 0 < beta < 1 the clean batch passes
    first and the attacked batch second, and each moves the running statistics.

    Attributes:
        epochs: Passes through the training images.
        batch_size: Images per step; the last step of an epoch takes those that are left.
        learning_rate: Peak of the one-cycle schedule (`ntknas.training.one_cycle`).
        momentum: Momentum of SGD, constant.
        weight_decay: Factor of the weights that is added to their gradients, for all parameters.
        beta: Weight of the robust loss: 1 is adversarial training, 0 is standard training.
        rho: Radius of the attack in pixel units.
        attack: Attack on the training images.
        augment: Whether images are cropped at random, with a padding of an eighth of their
            side (4 pixels of 32), and mirrored.

    Raises:
        InputError: For a value outside its range.

    Example:
        >>> str(Recipe(epochs=10, beta=0.5, augment=False))
        '10 epochs, batches of 256, SGD to 0.1, beta 0.5, pgd-7 at rho 8/255, no augmentation'
    """

    epochs: int = 50
    batch_size: int = 256
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    beta: float = 1.0
    rho: float = 8 / 255
    attack: AttackSpec = field(default_factory=lambda: AttackSpec(steps=7, step_size=2 / 255))
    augment: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.learning_rate < math.inf:
            raise InputError(f"learning rate must be positive, got {self.learning_rate}")
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum must lie in [0, 1), got {self.momentum}")
        if not 0 <= self.weight_decay < math.inf:
            raise InputError(f"weight decay must not be negative, got {self.weight_decay}")
        object.__setattr__(self, "beta", check_beta(self.beta))
        check_radius(self.rho)

    def __str__(self) -> str:
        attack = self.attack
        steps = f"-{attack.steps}" if attack.name == "pgd" else ""
        parts = [
            f"{self.epochs} epoch{'s' * (self.epochs > 1)}",
            f"batches of {self.batch_size}",
            f"SGD to {self.learning_rate:g}",
            f"beta {self.beta:g}",
        ]
        if self.beta:
            parts.append(f"{attack.name}{steps} at rho {format_fraction(self.rho)}")
        return ", ".join([*parts, "crops and flips" if self.augment else "no augmentation"])

    def to_json(self) -> str:
        """The recipe as JSON, with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> "Recipe":
        """The recipe whose JSON holds these values.

        Args:
            values: Content of the JSON object.
        """
        return cls(**{**values, "attack": AttackSpec(**values["attack"])})
