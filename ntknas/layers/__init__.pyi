# What the room gives; each name is imported when it is first used.
from .convolution import avg_pool_3x3 as avg_pool_3x3
from .convolution import convolve as convolve
from .convolution import convolve_gradients as convolve_gradients
from .convolution import convolve_rows as convolve_rows
from .norm import Norm as Norm
from .normalisation import EPSILON as EPSILON
from .normalisation import normalise as normalise
from .normalisation import normalise_rows as normalise_rows
