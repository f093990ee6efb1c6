"""Which statistics a normalisation layer uses."""

import enum

__all__ = ["Norm"]


class Norm(enum.StrEnum):
    """Which statistics batch normalisation uses.

    * `BATCH`: Statistics of the batch (the published setting). The images of a batch are coupled,
      so a kernel of N images costs N pull-backs through N images.
    * `IMAGE`: Statistics of each image alone (batch normalisation on a batch of one). Images are
      not coupled, so a kernel costs N passes. It ranks NAS-Bench-201 better at initialisation.
    * `FROZEN`: Running statistics. They are right for trained networks. At initialisation (mean 0,
      variance 1) the scores have the wrong sign.
    * `NONE`: No normalisation layers, so none of their scales and biases.

    Example:
        >>> Norm.BATCH.coupled, Norm.IMAGE.coupled
        (True, False)
    """

    BATCH = "batch"
    IMAGE = "image"
    FROZEN = "frozen"
    NONE = "none"

    @property
    def coupled(self) -> bool:
        """Whether one image's output depends on the other images of its batch."""
        return self is Norm.BATCH
