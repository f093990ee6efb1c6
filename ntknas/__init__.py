"""Training-free robust scores of architectures from neural tangent kernels in JAX.

Each name is imported when it is first used, so that `import ntknas` takes almost no time.
"""

from ntknas.rooms import attach

__version__ = "0.2.0.dev0"

_attached, __dir__, __all__ = attach(__name__, __file__)

_RENAMED = {"KernelBlocks": "JointGram"}


def __getattr__(name: str):
    """Import a public name or a subpackage on first use (PEP 562)."""
    if name in _RENAMED:
        import warnings

        new = _RENAMED[name]
        warnings.warn(f"ntknas.{name} is now ntknas.{new}", DeprecationWarning, stacklevel=2)
        return _attached(new)
    return _attached(name)
