# What the room gives; each name is imported when it is first used.
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
from .trained_convolution import convolve_trained as convolve_trained
