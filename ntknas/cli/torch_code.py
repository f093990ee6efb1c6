"""The option `--torch-code FILE`: the source of a network for PyTorch."""

from typing import TYPE_CHECKING

from ntknas.cli.output import note
from ntknas.errors import InputError

if TYPE_CHECKING:
    from ntknas.network import NetworkSpec
    from ntknas.spaces.nasbench201 import Architecture

__all__ = ["check_torch_code", "write_torch_code"]


def check_torch_code(path: str | None) -> None:
    """Raise InputError for a file that cannot be written, or is no Python file.

    Args:
        path: Value of the option.
    """
    from ntknas.report import check_output

    if path is None:
        return
    if not path.endswith(".py"):
        raise InputError(f"expected a name ending in .py, got --torch-code {path}")
    check_output(path)


def write_torch_code(path: str | None, architecture: "Architecture", spec: "NetworkSpec") -> None:
    """Write the source of an architecture's network, if the option is given.

    Args:
        path: Value of the option.
        architecture: The cell.
        spec: The network around the cell.
    """
    if path is None:
        return
    from ntknas.network import torch_code
    from ntknas.report import output_file

    with output_file(path) as temporary:
        temporary.write_text(torch_code(architecture, spec), encoding="utf-8")
    note(f"PyTorch source: {path}")
