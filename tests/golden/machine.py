"""Which machine and libraries a number came from: bits are compared where these agree."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

__all__ = ["machine"]


def machine() -> dict[str, str]:
    """Processor, number of cores, and the libraries that compute."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        **{name: version(name) for name in ("jaxlib", "numpy", "scipy")},
    }


def _processor() -> str:
    """The processor's name and instruction sets, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    facts = dict(line.partition(":")[::2] for line in lines if ":" in line)
    clean = {name.strip(): value.strip() for name, value in facts.items()}
    flags = sorted(flag for flag in clean.get("flags", "").split() if "avx" in flag)
    return " ".join([clean.get("model name", ""), *flags])
