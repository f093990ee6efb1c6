"""A drawing of a cell for the terminal, in ASCII characters."""

from ntknas.spaces.nasbench201.listing import EDGES, OPERATIONS
from ntknas.spaces.nasbench201.paths import depth, live_edges
from ntknas.spaces.nasbench201.selection import ArchitectureLike, architecture_of

__all__ = ["draw"]


def draw(architecture: ArchitectureLike) -> str:
    """The cell as lines of text: each node with its incoming edges.

    Edges with the operation `none` are left out. Dead edges, which are not on a path from input to
    output, are dotted and marked as dead.

    Args:
        architecture: Cell to draw.

    Returns:
        Several lines, without a newline at the end.

    Example:
        >>> print(draw("code:303401"))
        architecture 6387: class of 3, its representative; longest live path: 2 convolutions
        |nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|none~1|skip_connect~2|
        node 0  input
        node 1
          0 --nor_conv_3x3--> 1
        node 2
          1 --nor_conv_3x3--> 2
        node 3  output
          0 --avg_pool_3x3--> 3
          2 --skip_connect--> 3
    """
    architecture = architecture_of(architecture)
    longest = depth(architecture)
    if architecture.is_constant:
        remark = "constant: no path joins input and output"
    else:
        remark = f"longest live path: {longest} convolution{'' if longest == 1 else 's'}"
    size = architecture.class_size
    standing = "its representative"
    if not architecture.is_representative:
        standing = f"represented by {architecture.representative.id}"
    lines = [
        f"architecture {architecture.id}: class of {size}, {standing}; {remark}",
        str(architecture),
        "node 0  input",
    ]
    alive = live_edges(architecture)
    for node in (1, 2, 3):
        lines.append(f"node {node}{'  output' if node == 3 else ''}")
        for op, (source, target), is_live in zip(architecture.ops, EDGES, alive, strict=True):
            if target != node or OPERATIONS[op] == "none":
                continue
            dash, mark = ("--", "") if is_live else ("..", "  dead")
            lines.append(f"  {source} {dash}{OPERATIONS[op]}{dash}> {target}{mark}")
    return "\n".join(lines)
