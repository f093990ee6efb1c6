# What the room gives; each name is imported when it is first used.
from .bilinear import (
    conv_input as conv_input,
    conv_kernel as conv_kernel,
    conv_output as conv_output,
)
from .convolution import (
    avg_pool_3x3 as avg_pool_3x3,
    convolve as convolve,
    convolve_gradients as convolve_gradients,
    convolve_rows as convolve_rows,
)
from .norm import Norm as Norm
from .normalisation import (
    EPSILON as EPSILON,
    normalise as normalise,
    normalise_batch as normalise_batch,
    normalise_rows as normalise_rows,
)
from .standardise import (
    Standardised as Standardised,
    normalise_with as normalise_with,
    standardise as standardise,
)
from .trained_convolution import convolve_trained as convolve_trained
