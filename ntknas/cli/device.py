"""The check that JAX has a device, for commands that compute."""

import os

__all__ = ["check_device"]


def check_device() -> None:
    """Raise OSError, in one line, if JAX cannot use the platform that was asked for."""
    import jax

    try:
        jax.devices()
    # A plugin without its device raises nearly anything, even an empty AssertionError.
    except Exception as error:
        wanted = os.environ.get("JAX_PLATFORMS", "")
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OSError(
            f"JAX cannot use the platform {wanted or 'it chose'}: expected a device and JAX's "
            f"plugin for it, or JAX_PLATFORMS=cpu; got {reason[:200]}"
        ) from error
