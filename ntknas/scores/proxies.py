"""Zero-cost proxies: names, formulas, directions and sources; `ntknas.proxies` computes them.

Each direction is that of the proxy's paper, even if it does not hold for adversarially trained
networks.
"""

from ntknas.scores.record import Score, ScoreKind

__all__ = ["PROXY_SCORES"]

_ABDELFATTAH = "Abdelfattah et al., ICLR 2021"
_JUNG = "Jung et al., ICLR 2023"
_LEE = "Lee & Ham, AZ-NAS, CVPR 2024"
_TYBL = "Tybl & Neumann, VKDNW, CVPR 2025"


def _proxy(name: str, formula: str, direction: int, source: str) -> Score:
    """The record of one zero-cost proxy."""
    return Score(name, formula, direction, source, ScoreKind.PROXY)


PROXY_SCORES: tuple[Score, ...] = (
    _proxy("grad_norm", "sum over layers of |dL/dw|", +1, _ABDELFATTAH),
    _proxy("snip", "sum |w dL/dw|", +1, "Lee et al., ICLR 2019"),
    _proxy("grasp", "-sum w (H dL/dw), H Hessian of L", +1, "Wang et al., ICLR 2020"),
    _proxy(
        "synflow",
        "log sum |w| dR/d|w|, R logits of ones, no normalisation",
        +1,
        "Tanaka et al., NeurIPS 2020",
    ),
    _proxy(
        "fisher",
        "sum_channels mean_images (sum_pixels a dL/da)^2 / 2",
        +1,
        f"Turner et al., ICLR 2020; {_ABDELFATTAH}",
    ),
    _proxy(
        "jacob_cov",
        "-sum log(s + k) + 1/(s + k), s spectrum of corr(d logits / dx)",
        +1,
        "Mellor et al., 2020 (v1)",
    ),
    _proxy(
        "naswot",
        "log |det K_H|, K_H agreement of ReLU activity between images",
        +1,
        "Mellor et al., ICML 2021",
    ),
    _proxy(
        "zen",
        "log |f(x) - f(x + .01 e)| + sum log sigma, Gaussian x, e, w",
        +1,
        "Lin et al., ICCV 2021",
    ),
    _proxy(
        "croze",
        "sum over layers: consistency of features, w, dL/dw, perturbed",
        +1,
        "Ha et al., CRoZe, NeurIPS 2023",
    ),
    _proxy(
        "jacobian_norm",
        "mean over images of |d logits / dx|, Frobenius norm",
        -1,
        _JUNG,
    ),
    _proxy("hessian", "largest eigenvalue of d^2 L / d x^2, x the batch's images", -1, _JUNG),
    _proxy(
        "swap",
        "number of patterns of ReLU activity over the images",
        +1,
        "Peng et al., SWAP, ICLR 2024",
    ),
    _proxy(
        "meco",
        "sum over layers: l_1 of corr(channels), one random image",
        +1,
        "Jiang et al., MeCo, NeurIPS 2023",
    ),
    _proxy(
        "zico",
        "sum over layers: log sum_w mean |g| / std |g|, g = dL/dw",
        +1,
        "Li et al., ZiCo, ICLR 2023",
    ),
    _proxy(
        "az_expressivity",
        "sum over blocks: E_l, entropy of the spectrum of cov(channels)",
        +1,
        _LEE,
    ),
    _proxy("az_progressivity", "min over blocks of E_l - E_(l-1)", +1, _LEE),
    _proxy(
        "az_trainability",
        "mean over blocks: 2 - s - 1/s, s norm of their Jacobian",
        +1,
        _LEE,
    ),
    _proxy(
        "vkdnw_entropy",
        "entropy of the deciles of the Fisher information's spectrum",
        +1,
        _TYBL,
    ),
    _proxy("vkdnw", "vkdnw_entropy + number of layers with weights", +1, _TYBL),
    _proxy(
        "input_curvature",
        "mean |(dL/dx (x + h z) - dL/dx (x)) / h|^2, z along sign dL/dx",
        -1,
        "Moosavi-Dezfooli et al., CURE, CVPR 2019",
    ),
    _proxy(
        "robust_zcp",
        "-2 T - log input_curvature, T mean kernel of images and layers",
        +1,
        "Feng et al., ICLR 2025, as we read it",
    ),
    _proxy(
        "robust_zcp_minus",
        "2 T - log input_curvature, the same with exp(-2 T)",
        +1,
        "Feng et al., ICLR 2025, with the other sign of T",
    ),
)
"""The proxies that come with the package, in the order in which tables show them."""
