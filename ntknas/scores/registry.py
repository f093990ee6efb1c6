"""Every score: what it is, which direction is better, where it comes from; and how it is named."""

from dataclasses import dataclass

from ntknas.errors import InputError
from ntknas.kernel import Kernel

__all__ = [
    "SCORES",
    "SIZE_SCORES",
    "STRUCTURE_SCORES",
    "ZERO_COST_SCORES",
    "Score",
    "ScoreName",
    "format_fraction",
    "parse_fraction",
]


@dataclass(frozen=True)
class Score:
    """A score of an architecture.

    Attributes:
      name: as used in tables.
      formula: of the kernel matrix K of n images, eigenvalues l_1 <= ... <= l_n; of the batch's
        mean cross-entropy L and the weights w of layers; or of the architecture's graph or size.
      direction: +1 if a higher value is better, -1 if a lower one is.
      source: publication.
    """

    name: str
    formula: str
    direction: int
    source: str


_KNAS = "Xu et al., KNAS, ICML 2021"
_TENAS = "Chen et al., TE-NAS, ICLR 2021"
_ABDELFATTAH = "Abdelfattah et al., ICLR 2021"
_JUNG = "Jung et al., ICLR 2023"
_GRAPH = "count of the cell's live graph (this project)"
_HERE = "unit diagonal before the spectrum is taken (this project)"

SCORES: dict[str, Score] = {
    score.name: score
    for score in (
        Score("lambda_min", "l_1", +1, "Zhu et al., EigenNAS, NeurIPS 2022; Wu et al., ICLR 2024"),
        Score("lambda_max", "l_n", +1, "speed of the fastest mode, Jacot et al., NeurIPS 2018"),
        Score("cond", "l_n / l_1", -1, _TENAS),
        Score("cosine_lambda_min", "l_1 of K_ij / sqrt(K_ii K_jj)", +1, _HERE),
        Score("cosine_lambda_max", "l_n of K_ij / sqrt(K_ii K_jj)", -1, _HERE),
        Score("cosine_cond", "l_n / l_1 of K_ij / sqrt(K_ii K_jj)", -1, _HERE),
        Score("trace", "sum_i K_ii", +1, "Shu et al., NASI, ICLR 2022"),
        Score("frobenius", "sqrt(sum_ij K_ij^2)", +1, _KNAS),
        Score("mean", "sum_ij K_ij / n^2", +1, _KNAS),
        Score("logdet", "sum_i log l_i", +1, "log-volume spanned by the gradients"),
        Score(
            "effective_rank", "exp(-sum_i p_i log p_i), p = l / sum l", +1, "Roy & Vetterli 2007"
        ),
        Score(
            "sphericity",
            "gmean / mean of the n - 1 eigenvalues of HKH, H centring",
            +1,
            "Mauchly 1940, of the centred kernel (this project)",
        ),
        Score(
            "alignment",
            "<HKH, HYH> / (|HKH| |HYH|), H centring, Y_ij = [y_i = y_j]",
            +1,
            "Cortes et al., JMLR 2012",
        ),
        Score(
            "bound",
            "mean over classes of y^T K^-1 y / n, y = +-1",
            -1,
            "Arora et al., ICML 2019; Wu et al., ICLR 2024",
        ),
        Score("grad_norm", "sum over layers of |dL/dw|", +1, _ABDELFATTAH),
        Score("snip", "sum |w dL/dw|", +1, "Lee et al., ICLR 2019"),
        Score("grasp", "-sum w (H dL/dw), H Hessian of L", +1, "Wang et al., ICLR 2020"),
        Score(
            "synflow",
            "log sum |w| dR/d|w|, R logits of ones, no normalisation",
            +1,
            "Tanaka et al., NeurIPS 2020",
        ),
        Score(
            "fisher",
            "sum_channels mean_images (sum_pixels a dL/da)^2 / 2",
            +1,
            f"Turner et al., ICLR 2020; {_ABDELFATTAH}",
        ),
        Score(
            "jacob_cov",
            "-sum log(s + k) + 1/(s + k), s spectrum of corr(d logits / dx)",
            +1,
            "Mellor et al., 2020 (v1)",
        ),
        Score(
            "naswot",
            "log |det K_H|, K_H agreement of ReLU activity between images",
            +1,
            "Mellor et al., ICML 2021",
        ),
        Score(
            "zen",
            "log |f(x) - f(x + .01 e)| + sum log sigma, Gaussian x, e, w",
            +1,
            "Lin et al., ICCV 2021",
        ),
        Score(
            "croze",
            "sum over layers: consistency of features, w, dL/dw, perturbed",
            +1,
            "Ha et al., CRoZe, NeurIPS 2023",
        ),
        Score(
            "jacobian_norm",
            "mean over images of |d logits / dx|, Frobenius norm",
            -1,
            _JUNG,
        ),
        Score("hessian", "largest eigenvalue of d^2 L / d x^2, x the batch's images", -1, _JUNG),
        Score("live_params", "parameters without those of dead edges", +1, _GRAPH),
        Score("convolutions", "live edges with a convolution", +1, _GRAPH),
        Score("depth", "convolutions on the live path with most", +1, _GRAPH),
        Score("mean_depth", "convolutions on a live path, mean of all paths", +1, _GRAPH),
        Score("depth_3x3", "3x3 convolutions on the live path with most", +1, _GRAPH),
        Score("plain_depth_3x3", "the same among paths without pooling", +1, _GRAPH),
        Score("direct", "1 if an operation joins the cell's input and output", +1, _GRAPH),
        Score("pools", "live edges with a pooling", -1, _GRAPH),
        Score("pool_paths", "live paths through a pooling", -1, _GRAPH),
        Score("params", "number of parameters", +1, "size baseline"),
        Score("flops", "multiply-accumulates of one image", +1, "size baseline"),
    )
}

SIZE_SCORES = ("params", "flops")

STRUCTURE_SCORES = (
    "live_params",
    "convolutions",
    "depth",
    "mean_depth",
    "depth_3x3",
    "plain_depth_3x3",
    "direct",
    "pools",
    "pool_paths",
)

ZERO_COST_SCORES = (
    "grad_norm",
    "snip",
    "grasp",
    "synflow",
    "fisher",
    "jacob_cov",
    "naswot",
    "zen",
    "croze",
    "jacobian_norm",
    "hessian",
)

_WITHOUT_KERNEL = (*ZERO_COST_SCORES, *STRUCTURE_SCORES, *SIZE_SCORES)


def parse_fraction(text: str) -> float:
    """A number written as a decimal or as a fraction such as 8/255.

    Raises:
      InputError: if it is neither.

    >>> parse_fraction("8/255") == 8 / 255
    True
    """
    try:
        top, slash, bottom = text.partition("/")
        value = float(top) / float(bottom) if slash else float(top)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"expected a number such as 0.03 or 8/255, got {text!r}") from None
    if value != value or abs(value) == float("inf"):
        raise InputError(f"expected a finite number, got {text!r}")
    return value


def format_fraction(value: float) -> str:
    """The shortest exact name of a radius: k/255 where it is one, else a decimal.

    >>> format_fraction(8 / 255), format_fraction(0.5), format_fraction(0.0)
    ('8/255', '0.5', '0')
    """
    steps = round(value * 255)
    if 0 < steps < 255 and steps / 255 == value:
        return f"{steps}/255"
    return _decimal(value)


def _decimal(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


@dataclass(frozen=True)
class ScoreName:
    """A score of a kernel: `SCORE@KERNEL[:RHO[:BETA]]`, or one without a kernel by its name alone.

    >>> str(ScoreName.parse("cond@mixed_robust:8/255:0.5"))
    'cond@mixed_robust:8/255:0.5'
    """

    score: str
    kernel: Kernel | None = None
    rho: float | None = None
    beta: float | None = None

    @classmethod
    def parse(cls, text: str) -> "ScoreName":
        """The name that `text` spells.

        Raises:
          InputError: for an unknown score or kernel, or a radius or beta missing, left
            over or out of range.
        """
        score, at, rest = text.partition("@")
        if score not in SCORES:
            raise InputError(f"unknown score {score!r}; known: {', '.join(SCORES)}")
        if (score in _WITHOUT_KERNEL) == bool(at):
            shape = "no kernel" if score in _WITHOUT_KERNEL else f"a kernel, such as {score}@clean"
            raise InputError(f"score {score} takes {shape}, got {text!r}")
        if not at:
            return cls(score)
        name, *numbers = rest.split(":")
        if name not in list(Kernel):
            raise InputError(f"unknown kernel {name!r}; known: {', '.join(Kernel)}")
        kernel = Kernel(name)
        wanted = 0 if kernel is Kernel.CLEAN else 2 if kernel.mixed else 1
        if len(numbers) != wanted:
            form = name + (":RHO" if wanted else "") + (":BETA" if wanted == 2 else "")
            raise InputError(f"expected {score}@{form}, got {text!r}")
        values = [parse_fraction(number) for number in numbers]
        if values and values[0] < 0:
            raise InputError(f"rho must be a radius >= 0 in pixel units, got {values[0]}")
        if len(values) == 2 and not 0 <= values[1] <= 1:
            raise InputError(f"beta must lie in [0, 1], got {values[1]}")
        return cls(score, kernel, *values)

    def __str__(self) -> str:
        if self.kernel is None:
            return self.score
        parts = [f"{self.score}@{self.kernel}"]
        parts += [] if self.rho is None else [format_fraction(self.rho)]
        parts += [] if self.beta is None else [_decimal(self.beta)]
        return ":".join(parts)

    @property
    def direction(self) -> int:
        """+1 if a higher value is better, else -1."""
        return SCORES[self.score].direction
