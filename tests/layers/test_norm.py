"""The modes of normalisation."""

from ntknas.layers import Norm


def test_only_batch_statistics_couple():
    assert [norm for norm in Norm if norm.coupled] == [Norm.BATCH]
    assert [str(norm) for norm in Norm] == ["batch", "image", "frozen", "none"]
