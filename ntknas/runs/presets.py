"""Settings to start from, cheapest first, chosen from the trade-off of cost and correlation."""

from ntknas.kernel.names import Batch
from ntknas.layers.norm import Norm
from ntknas.network.spec import NetworkSpec
from ntknas.runs.spec import ScoringSpec

__all__ = ["PRESETS"]


def _clean_per_image(images: int, cells: int) -> ScoringSpec:
    network = NetworkSpec(cells=cells, norm=Norm.IMAGE)
    return ScoringSpec(batch_size=images, network=network, batches=(Batch.CLEAN,))


PRESETS: dict[str, ScoringSpec] = {
    "fast": _clean_per_image(images=8, cells=2),
    "standard": _clean_per_image(images=16, cells=5),
    "published": ScoringSpec(),
}
"""Settings chosen from the trade-off between cost and correlation (docs/results).

What the images decide (dataset, classes, image size, mean, std) is CIFAR-10's until
`ntknas.engine.fit_spec` sets it.
"""
