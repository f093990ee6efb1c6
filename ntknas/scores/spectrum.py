"""The scores of a kernel, from its spectrum, its entries, and its agreement with the labels.

All are computed in float64 on the host, for a stack of kernels at once. `ntknas.scores.stack`
defines what counts as rounding.
"""

import numpy as np
from jaxtyping import Bool, Float

from ntknas.scores.record import KernelFunction, Score
from ntknas.scores.stack import KernelStack, floored

__all__ = ["KERNEL_SCORES"]

_KNAS = "Xu et al., KNAS, ICML 2021"
_LAYERS = "K = sum_l K_l over the weights of each layer l (this project)"
_COSINE = "unit diagonal before the spectrum is taken (this project)"


def _effective_rank(stack: KernelStack) -> Float[np.ndarray, "*s"]:
    """Exponential of the entropy of the normalised spectrum; 0 for a zero kernel."""
    values = np.clip(stack.eigenvalues, 0, None)
    total = values.sum(-1, keepdims=True)
    p = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
    entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum(-1)
    return np.where(total[..., 0] > 0, np.exp(entropy), 0.0)


def _sphericity(stack: KernelStack) -> Float[np.ndarray, "*s"]:
    """Geometric over arithmetic mean of the spectrum orthogonal to the constant vector.

    The value is 1 if the differences of the gradients from their mean are orthogonal and of equal
    length. It is 0 if the centred kernel is within rounding of 0, as for a constant network.
    """
    from scipy.linalg import helmert

    n = stack.kernels.shape[-1]
    if n == 1:
        return np.zeros(stack.kernels.shape[:-2])
    complement = helmert(n)  # [n - 1, n]: rows are an orthonormal basis
    spread = np.linalg.eigvalsh(complement @ stack.kernels @ complement.T)
    positive = np.maximum(spread, stack.floor[..., None])
    ratio = np.exp(np.log(positive).mean(-1)) / positive.mean(-1)
    return np.where(spread[..., -1] > stack.floor, ratio, 0.0)


def _alignment(stack: KernelStack) -> Float[np.ndarray, "*s"]:
    """Cosine between the centred kernel and the centred label kernel; 0 if either vanishes."""
    labels, kernels = stack.labels, stack.kernels
    n = len(labels)
    centre = np.eye(n) - 1 / n
    same = (labels[:, None] == labels[None, :]).astype(float)
    target = centre @ same @ centre
    centred = centre @ kernels @ centre
    norms = np.linalg.norm(centred, axis=(-2, -1)) * np.linalg.norm(target)
    products = (centred * target).sum((-2, -1))
    # A centred constant kernel, or the centred labels of a single class, are only rounding errors.
    scale = np.linalg.norm(kernels, axis=(-2, -1)) * np.linalg.norm(same)
    meaningful = norms > n * np.finfo(float).eps * scale
    return np.divide(products, norms, out=np.zeros_like(products), where=meaningful)


def _bound(stack: KernelStack) -> Float[np.ndarray, "*s"]:
    """Mean of y^T K^-1 y / n over the classes in the batch; y = +1 in the class and -1 outside."""
    labels, kernels = stack.labels, stack.kernels
    targets = np.where(labels[:, None] == np.unique(labels)[None, :], 1.0, -1.0)
    regular: Bool[np.ndarray, "*s"] = np.asarray(stack.lambda_min > 0)
    energies = np.empty(regular.shape)
    energies[regular] = _energy(np.linalg.solve(kernels[regular], targets[None]), targets)
    values, vectors = np.linalg.eigh(kernels[~regular])
    coordinates = vectors.swapaxes(-1, -2) @ targets
    inverse = coordinates / floored(values, stack.epsilon)[..., None]
    energies[~regular] = _energy(inverse, coordinates)
    return np.asarray(energies / len(labels))


def _energy(inverse: Float[np.ndarray, "*s n k"], targets: Float[np.ndarray, "..."]) -> np.ndarray:
    """The scalar products of corresponding columns, averaged over the columns."""
    return (inverse * targets).sum(-2).mean(-1)


def _cond(stack: KernelStack) -> Float[np.ndarray, "*s"]:
    """l_n / l_1; of a zero kernel as of every singular one, 1 / (n epsilon)."""
    singular = 1 / (stack.kernels.shape[-1] * stack.epsilon)
    ratio = stack.positive[..., -1] / stack.positive[..., 0]
    return np.where(stack.lambda_max > stack.floor, ratio, singular)


def _cosine_lambda_max(stack: KernelStack) -> Float[np.ndarray, "*s"]:
    """l_n of a kernel at unit diagonal; of a zero kernel as of parallel gradients, n."""
    n = stack.kernels.shape[-1]
    return np.where(stack.lambda_max > stack.floor, stack.lambda_max, float(n))


def _of_layers(function: KernelFunction) -> KernelFunction:
    """The score of the layer cosine kernel, at unit diagonal."""

    def score(stack: KernelStack) -> Float[np.ndarray, "*s"]:
        assert stack.layer_cosine is not None  # `kernel_scores` sees to it
        return np.asarray(function(stack.layer_cosine.cosine))

    return score


KERNEL_SCORES: tuple[Score, ...] = (
    Score(
        "lambda_min",
        "l_1",
        +1,
        "Zhu et al., EigenNAS, NeurIPS 2022; Wu et al., ICLR 2024",
        function=lambda stack: stack.lambda_min,
    ),
    Score(
        "lambda_max",
        "l_n",
        +1,
        "speed of the fastest mode, Jacot et al., NeurIPS 2018",
        function=lambda stack: stack.lambda_max,
    ),
    Score(
        "cond",
        "l_n / l_1",
        -1,
        "Chen et al., TE-NAS, ICLR 2021",
        function=_cond,
    ),
    Score(
        "cosine_lambda_min",
        "l_1 of K_ij / sqrt(K_ii K_jj)",
        +1,
        _COSINE,
        function=lambda stack: stack.cosine.lambda_min,
    ),
    Score(
        "cosine_lambda_max",
        "l_n of K_ij / sqrt(K_ii K_jj)",
        -1,
        _COSINE,
        function=lambda stack: _cosine_lambda_max(stack.cosine),
    ),
    Score(
        "cosine_cond",
        "l_n / l_1 of K_ij / sqrt(K_ii K_jj)",
        -1,
        _COSINE,
        function=lambda stack: _cond(stack.cosine),
    ),
    Score(
        "trace",
        "sum_i K_ii",
        +1,
        "Shu et al., NASI, ICLR 2022",
        function=lambda stack: np.trace(stack.kernels, axis1=-2, axis2=-1),
    ),
    Score(
        "frobenius",
        "sqrt(sum_ij K_ij^2)",
        +1,
        _KNAS,
        function=lambda stack: np.linalg.norm(stack.kernels, axis=(-2, -1)),
    ),
    Score(
        "mean", "sum_ij K_ij / n^2", +1, _KNAS, function=lambda stack: stack.kernels.mean((-2, -1))
    ),
    Score(
        "logdet",
        "sum_i log l_i",
        +1,
        "log-volume spanned by the gradients",
        function=lambda stack: np.log(stack.positive).sum(-1),
    ),
    Score(
        "effective_rank",
        "exp(-sum_i p_i log p_i), p = l / sum l",
        +1,
        "Roy & Vetterli 2007",
        function=_effective_rank,
    ),
    Score(
        "sphericity",
        "gmean / mean of the n - 1 eigenvalues of HKH, H centring",
        +1,
        "Mauchly 1940, of the centred kernel (this project)",
        function=_sphericity,
    ),
    Score(
        "alignment",
        "<HKH, HYH> / (|HKH| |HYH|), H centring, Y_ij = [y_i = y_j]",
        +1,
        "Cortes et al., JMLR 2012",
        function=_alignment,
    ),
    Score(
        "bound",
        "mean over classes of y^T K^-1 y / n, y = +-1",
        -1,
        "Arora et al., ICML 2019; Wu et al., ICLR 2024",
        function=_bound,
    ),
    Score(
        "layer_cosine_lambda_min",
        "l_1 of the mean of live K_l at unit diagonal",
        +1,
        _LAYERS,
        function=_of_layers(lambda stack: stack.lambda_min),
        of_layers=True,
    ),
    Score(
        "layer_cosine_lambda_max",
        "l_n of the mean of live K_l at unit diagonal",
        -1,
        _LAYERS,
        function=_of_layers(_cosine_lambda_max),
        of_layers=True,
    ),
    Score(
        "layer_cosine_cond",
        "l_n / l_1 of the mean of live K_l at unit diagonal",
        -1,
        _LAYERS,
        function=_of_layers(_cond),
        of_layers=True,
    ),
    Score(
        "layer_cosine_sphericity",
        "sphericity of the mean of live K_l at unit diagonal",
        +1,
        _LAYERS,
        function=_of_layers(_sphericity),
        of_layers=True,
    ),
)
"""The scores of a kernel that come with the package, in the order in which tables show them."""
