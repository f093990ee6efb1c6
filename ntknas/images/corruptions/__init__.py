"""The 15 corruptions of CIFAR-10-C at 5 severities: `corrupt`, their registry and parameters.

A corruption is a function of `(rng, pixels, parameters)`, with pixels [n, h, w, 3] in [0, 1]. The
definitions and parameters are those of the script that made CIFAR-10-C, with two differences:
CIFAR-10-C blends photographs of frost into images, and here the frost is drawn; and what its
libraries do inside (fixed-point interpolation, say) is done in floating point. Images are therefore
alike, not equal. Accuracies that are compared with published ones need CIFAR-10-C's own files,
which `load_corrupted` reads.

References:
    Hendrycks & Dietterich, Benchmarking neural network robustness to common corruptions and
    perturbations, ICLR 2019; parameters from github.com/hendrycks/robustness (make_cifar_c.py).
"""

from ntknas.images.corruptions.family import CORRUPTIONS, SEVERITIES, Corruption, corrupt
from ntknas.images.corruptions.files import load_corrupted

__all__ = ["CORRUPTIONS", "SEVERITIES", "Corruption", "corrupt", "load_corrupted"]
