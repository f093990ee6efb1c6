"""The fully connected networks of the theory in Flax, of any depth, width, skips and activations.

For an input x of unit norm and depth L (L layers of weights, the last one a vector w):

    f_1 = act_1(W_1 x)
    f_l = s act_l(W_l f_{l-1}) + alpha_{l-1} f_{l-1},   l = 2 .. L-1,   s = 1/L
    f(x) = <w, f_{L-1}>

which is the search space of Zhu et al. (EigenNAS, NeurIPS 2022) and of the bounds of Wu et al.
(ICLR 2024). s = 1 and alpha = 0 give a plain network. Colours are standardised and inputs scaled to
norm 1 inside the network, so attacks act in pixel space and attacked inputs have norm 1 as well.
There are no biases.
"""

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ntknas.errors import InputError

__all__ = [
    "Activation",
    "FullyConnected",
    "FullyConnectedSpec",
    "Parametrisation",
    "Variances",
    "unit_inputs",
]


class Activation(enum.StrEnum):
    """The activations of the search space of Zhu et al. (2022)."""

    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    TANH = "tanh"
    SIGMOID = "sigmoid"
    SWISH = "swish"

    @property
    def function(self) -> Callable[[Array], Array]:
        """The elementwise function; the leaky one has slope 0.01 below zero."""
        return {
            Activation.RELU: nn.relu,
            Activation.LEAKY_RELU: nn.leaky_relu,
            Activation.TANH: nn.tanh,
            Activation.SIGMOID: nn.sigmoid,
            Activation.SWISH: nn.swish,
        }[self]

    @property
    def homogeneous(self) -> bool:
        """Whether act(c z) = c act(z) for c > 0."""
        return self in (Activation.RELU, Activation.LEAKY_RELU)


class Parametrisation(enum.StrEnum):
    """Which numbers are trained.

    * `NTK`: Standard normal weights, multiplied inside the network by the standard deviation of
      their layer. Kernel and step size keep their order as the width grows (Jacot et al. 2018).
    * `STANDARD`: The weights themselves. The kernel grows with the width.
    """

    NTK = "ntk"
    STANDARD = "standard"


class Variances(enum.StrEnum):
    """Variances of the weights at initialisation, c the `weight_variance`, v the `output_variance`.

    * `UNIT`: c for W_1, c/m for W_l, v/m for w. Units are of order 1.
    * `SMALL`: c/m for W_1 and W_l, v for w. The norms of the vectors f_l are of order 1. The papers
      are believed to use it; this was not checked against their text. With homogeneous activations
      the network is the same function of the standard normal draws as under `UNIT`. Other
      activations then act where they are almost linear.
    """

    UNIT = "unit"
    SMALL = "small"


@dataclass(frozen=True)
class FullyConnectedSpec:
    """One architecture of the fully connected space.

    Attributes:
        depth: Number L of layers of weights, at least 2.
        width: Number m of units of a hidden layer.
        skips: Factors alpha_1 .. alpha_{L-2} of the skips; None means all 0.
        activations: One activation for all hidden layers, or L-1 of them.
        branch_scale: Factor s of a layer beside a skip; None means 1/L.
        classes: Number of classes K. Two classes have one output f and logits (0, f). The
            cross-entropy of these is the logistic loss of f with labels -1 (class 0) and +1
            (class 1), and their sum is f. K > 2 classes have K outputs.
        parametrisation: Which numbers are trained.
        variances: Variances of the weights at initialisation.
        weight_variance: Variance c; 2 keeps the norm of ReLU layers.
        output_variance: Variance v.
        mean: Mean that is subtracted from pixels, in pixel units [0, 1]: one value, or one per
            channel.
        std: Standard deviation that pixels are divided by: one value, or one per channel.

    Raises:
        InputError: For a value outside its range, or a wrong number of skips or activations.

    Example:
        >>> FullyConnectedSpec(depth=4, skips=(1, 0)).hidden_scale
        0.25
    """

    depth: int = 3
    width: int = 256
    skips: tuple[int | float, ...] | None = None
    activations: str | tuple[str, ...] = Activation.RELU
    branch_scale: float | None = None
    classes: int = 2
    parametrisation: str = Parametrisation.NTK
    variances: str = Variances.UNIT
    weight_variance: float = 2.0
    output_variance: float = 1.0
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)

    def __post_init__(self) -> None:
        for name, least in (("depth", 2), ("width", 1), ("classes", 2)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")
        skips = (0.0,) * (self.depth - 2) if self.skips is None else self.skips
        if len(skips) != self.depth - 2 or not all(map(math.isfinite, skips)):
            raise InputError(
                f"a network of depth {self.depth} has {self.depth - 2} skips, got {self.skips}"
            )
        names = self.activations
        names = (names,) * (self.depth - 1) if isinstance(names, str) else names
        activations = tuple(_choice(Activation, name, "activation") for name in names)
        if len(activations) != self.depth - 1:
            raise InputError(
                f"a network of depth {self.depth} has {self.depth - 1} activations, "
                f"got {len(activations)}"
            )
        for name in ("weight_variance", "output_variance", "branch_scale"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name} must be positive, got {value}")
        if not all(map(math.isfinite, self.mean)) or not all(0 < s < math.inf for s in self.std):
            raise InputError(f"mean must be finite, std positive; got {self.mean}, {self.std}")
        set_ = object.__setattr__
        set_(self, "skips", tuple(float(skip) for skip in skips))
        set_(self, "activations", activations)
        set_(self, "parametrisation", _choice(Parametrisation, self.parametrisation))
        set_(self, "variances", _choice(Variances, self.variances))

    @property
    def alphas(self) -> tuple[float, ...]:
        """The L-2 factors of the skips."""
        return tuple(float(skip) for skip in self.skips or ())

    @property
    def hidden_activations(self) -> tuple[Activation, ...]:
        """The L-1 activations of the hidden layers."""
        return tuple(Activation(name) for name in self.activations)

    @property
    def hidden_scale(self) -> float:
        """The factor s of hidden layers after the first."""
        return 1 / self.depth if self.branch_scale is None else self.branch_scale

    @property
    def outputs(self) -> int:
        """The number of vectors w, which is 1 for two classes and else K."""
        return 1 if self.classes == 2 else self.classes

    @property
    def standard_deviations(self) -> tuple[float, ...]:
        """The standard deviation of the weights of each of the L layers at initialisation."""
        first, hidden, output = (
            self.weight_variance,
            self.weight_variance / self.width,
            self.output_variance / self.width,
        )
        if self.variances is Variances.SMALL:
            first, output = first / self.width, output * self.width
        return tuple(map(math.sqrt, (first, *(hidden,) * (self.depth - 2), output)))


def _choice(kind: type[enum.StrEnum], value: str, name: str = "") -> enum.StrEnum:
    """The member of an enumeration that has a value; `name` is its name in the error text."""
    try:
        return kind(value)
    except ValueError:
        name = name or kind.__name__.lower()
        raise InputError(f"{name} must be one of {', '.join(kind)}, got {value!r}") from None


def unit_inputs(
    images: Float[Array, "n h w c"], mean: tuple[float, ...], std: tuple[float, ...]
) -> Float[Array, "n d"]:
    """Standardised pixels as vectors of unit norm; an image equal to the mean gives 0.

    Args:
        images: Pixels in [0, 1].
        mean: Mean of the pixels in pixel units, one value or one per channel.
        std: Standard deviation of the pixels in pixel units, one value or one per channel.

    Returns:
        Unit vectors [n, d] with d = h w c.

    Example:
        >>> unit_inputs(jnp.ones((1, 1, 1, 4)), (0.5,), (0.5,))
        Array([[0.5, 0.5, 0.5, 0.5]], dtype=float32)
    """
    centre, scale = (
        jnp.asarray(values, images.dtype).reshape(1, 1, 1, -1) for values in (mean, std)
    )
    flat = ((images - centre) / scale).reshape(len(images), -1)
    squares = (flat**2).sum(1, keepdims=True)
    return flat * lax.rsqrt(jnp.where(squares > 0, squares, 1.0))  # the gradient is finite at 0


class FullyConnected(nn.Module):
    """The network; `init` draws its weights, one matrix "layer_l" [fan_in, fan_out] per layer.

    If the caller asks for these collections, the network sows the input of layer l as "input_l" and
    perturbs the product with its weights as "product_l". Layerwise kernels are made of both.

    Attributes:
        spec: The architecture.

    Example:
        >>> import jax
        >>> network = FullyConnected(FullyConnectedSpec(width=8))
        >>> images = jnp.full((5, 2, 2, 3), 0.2)
        >>> params = network.init(jax.random.key(0), images)
        >>> network.apply(params, images).shape
        (5, 2)
    """

    spec: FullyConnectedSpec

    @nn.compact
    def __call__(
        self, images: Float[Array, "n h w c"], skips: Float[Array, " s"] | None = None
    ) -> Float[Array, "n k"]:
        """The logits of the images.

        Args:
            images: Pixels in [0, 1].
            skips: Factors of the skips as data, so that one compiled program serves all patterns;
                None means those of the spec.

        Returns:
            Logits [n, k].
        """
        spec = self.spec
        acts = [activation.function for activation in spec.hidden_activations]
        alphas = spec.alphas if skips is None else skips
        f = acts[0](self._product(1, unit_inputs(images, spec.mean, spec.std), spec.width))
        for layer in range(2, spec.depth):
            branch = acts[layer - 1](self._product(layer, f, spec.width))
            f = spec.hidden_scale * branch + alphas[layer - 2] * f
        out = self._product(spec.depth, f, spec.outputs)
        return jnp.pad(out, ((0, 0), (1, 0))) if spec.classes == 2 else out

    def _product(self, layer: int, inputs: Array, features: int) -> Array:
        """The product of a layer's inputs with its weights, which are made on the first call."""
        deviation = self.spec.standard_deviations[layer - 1]
        ntk = self.spec.parametrisation is Parametrisation.NTK
        initialiser = nn.initializers.normal(1.0 if ntk else deviation)
        weights = self.param(
            f"layer_{layer}", initialiser, (inputs.shape[-1], features), inputs.dtype
        )
        self.sow("intermediates", f"input_{layer}", inputs)
        product = jnp.dot(inputs, weights, precision=lax.Precision.HIGHEST)
        product = product * deviation if ntk else product
        # Perturbations have the shape of a batch, so they are no part of the network's variables.
        return product if self.is_initializing() else self.perturb(f"product_{layer}", product)
