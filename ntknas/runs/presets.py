"""Presets: settings to start from, cheapest first, chosen for low cost and high correlation."""

from typing import Any

from ntknas.kernel.names import Batch
from ntknas.layers.norm import Norm
from ntknas.network.spec import NetworkSpec
from ntknas.runs.spec import ScoringSpec

__all__ = ["PRESETS"]


def _clean_per_image(images: int, cells: int, **more: Any) -> ScoringSpec:
    """Settings with the clean kernel only and with normalisation of each image alone."""
    network = NetworkSpec(cells=cells, norm=Norm.IMAGE)
    return ScoringSpec(batch_size=images, network=network, batches=(Batch.CLEAN,), **more)


PRESETS: dict[str, ScoringSpec] = {
    "fast": _clean_per_image(images=8, cells=2),
    "standard": _clean_per_image(images=16, cells=1, seeds=3, parts="groups"),
    "published": ScoringSpec(),
}
"""Settings chosen from the trade-off between cost and correlation (docs/results).

The settings that depend on the images (dataset, classes, image size, mean, std) are those of
CIFAR-10 until `ntknas.engine.fit_spec` sets them.
"""
