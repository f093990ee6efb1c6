"""The library neural-tangents on a JAX newer than the last one it was written for.

neural-tangents 0.6.5 (Novak et al., Neural Tangents, ICLR 2020) imports names that JAX has since
moved or removed from its public modules. These names are put back before neural-tangents is
imported. This is the only file of the project that uses JAX's internals.

With these names, `stax` kernels, `predict`, and `empirical_ntk_fn` with the implementations
JACOBIAN_CONTRACTION and NTK_VECTOR_PRODUCTS work. STRUCTURED_DERIVATIVES does not, and neither does
AUTO, which tries it.
"""

import functools
import importlib
import importlib.util
import sys
import types

import jax

from ntknas.errors import InputError

__all__ = ["neural_tangents"]

# Modules that neural-tangents reads, the modules that JAX has the names in now, and the names.
_MOVED: dict[str, dict[str, tuple[str, ...]]] = {
    "jax.core": {
        "jax._src.core": (
            "AbstractValue",
            "Jaxpr",
            "JaxprEqn",
            "Literal",
            "Primitive",
            "ShapedArray",
            "Value",
            "Var",
        ),
    },
    "jax.util": {"jax._src.util": ("safe_map", "safe_zip")},
    "jax.interpreters.ad": {
        "jax._src": ("source_info_util",),
        "jax._src.ad_util": ("add_jaxvals_p", "zeros_like_p"),
    },
}


@functools.cache
def neural_tangents() -> types.ModuleType:
    """The module neural_tangents.

    Returns:
        The module, with an empty `neural_tangents.experimental`, since the real one needs
        TensorFlow.

    Raises:
        InputError: If neural-tangents is not installed.

    Example:
        >>> neural_tangents().__version__
        '0.6.5'
    """
    if importlib.util.find_spec("neural_tangents") is None:
        raise InputError("needs the extra theory: pip install 'ntknas[theory]'")
    for target, sources in _MOVED.items():
        module = _module(target)
        for source, names in sources.items():
            for name in names:
                if not hasattr(module, name):
                    setattr(module, name, getattr(importlib.import_module(source), name))
    name = "neural_tangents.experimental"
    sys.modules.setdefault(name, types.ModuleType(name))
    return importlib.import_module("neural_tangents")


def _module(name: str) -> types.ModuleType:
    """A module of JAX; an empty one is made if JAX no longer has it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module = types.ModuleType(name)
        sys.modules[name] = module
        setattr(jax, name.removeprefix("jax."), module)
        return module
