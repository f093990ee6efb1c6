"""The layers of NAS-Bench-201's network that a kernel is told apart by, and their groups.

An edge of a stage is one layer: its convolutions in all cells of the stage belong together. So are
the convolutions of a reduction. Edges without a convolution have no part in the kernel.
"""

from ntknas.kernel.parts import Layers
from ntknas.spaces.nasbench201 import EDGES

__all__ = ["GROUPS", "cell_layers", "edge_layers_of", "part_names"]


def edge_layers_of(stage: int) -> tuple[str, ...]:
    """The names of the layers of a stage, in the order of the edges.

    Args:
        stage: Position of the stage, 0..2; names count from 1.

    Example:
        >>> edge_layers_of(0)[:2]
        ('stage_1.edge_0_1', 'stage_1.edge_0_2')
    """
    return tuple(f"stage_{stage + 1}.edge_{source}_{target}" for source, target in EDGES)


GROUPS: dict[str, tuple[str, ...]] = {
    "stem": ("stem",),
    "stage_1": edge_layers_of(0),
    "reduction_1": ("reduction_1",),
    "stage_2": edge_layers_of(1),
    "reduction_2": ("reduction_2",),
    "stage_3": edge_layers_of(2),
    "head": ("head_norm", "classifier"),
}
"""Groups of layers, from the images to the logits, with their layers in order."""

_NAMES = tuple(layer for group in GROUPS.values() for layer in group)


def part_names(keep: str) -> tuple[str, ...]:
    """The names of the parts that are kept of a kernel.

    Args:
        keep: A member of `ntknas.kernel.PARTS`.

    Example:
        >>> part_names("none"), part_names("groups")[:2], len(part_names("layers"))
        ((), ('stem', 'stage_1'), 23)
    """
    return {"none": (), "groups": tuple(GROUPS), "layers": _NAMES}[keep]


def cell_layers(keep: str = "none", *, biases: bool = True) -> Layers:
    """The layers of NAS-Bench-201's network.

    Args:
        keep: A member of `ntknas.kernel.PARTS`.
        biases: Whether the kernel is also taken over biases.
    """
    held = GROUPS if keep == "groups" else {}
    parts = tuple((name, held.get(name, (name,))) for name in part_names(keep))
    return Layers(_NAMES, _layer_of, parts, biases)


def _layer_of(path: tuple[str, ...]) -> str:
    """The layer of a parameter of `ntknas.network.Network`.

    Example:
        >>> _layer_of(("stage_0", "edge_0_1_conv_3x3", "norm", "scale"))
        'stage_1.edge_0_1'
    """
    module = path[0]
    if not module.startswith("stage_"):
        return module
    edge = path[1].partition("_conv_")[0]
    return f"stage_{int(module.removeprefix('stage_')) + 1}.{edge}"
