"""Which statistics a normalisation layer uses."""

import enum

__all__ = ["Norm"]


class Norm(enum.StrEnum):
    """Which statistics batch normalisation uses.

    * `BATCH`: those of the batch (the published setting). The images of a batch are coupled, so a
      kernel of N images costs N pull-backs through N images.
    * `IMAGE`: those of each image alone (batch normalisation on a batch of one). Images are not
      coupled, so a kernel costs N passes. Ranks NAS-Bench-201 better at initialisation.
    * `FROZEN`: running statistics. Right for trained networks; at initialisation (mean 0,
      variance 1) its scores have the wrong sign.
    * `NONE`: no normalisation layers at all, hence no scales and biases of theirs.

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
