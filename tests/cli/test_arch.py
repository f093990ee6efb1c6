"""`ntknas arch`."""

import pytest

from ntknas.runs import Run


def test_all_names_of_one_architecture(ntknas):
    status, out, err = ntknas("arch", "code:303401", "--channels", "8", "--cells", "2")
    assert (status, err) == (0, "")
    for text in ("6387", "303401", "class           3 ", "(itself)", "2 convolutions", "--> 3"):
        assert text in out
    assert "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|none~1|skip_connect~2|" in out


def test_size_follows_the_network(ntknas):
    _, out, _ = ntknas("arch", "code:333333")
    assert "1,531,546" in out
    assert "220,119,690" in out


def test_constant_network(ntknas):
    _, out, _ = ntknas("arch", "1651")
    assert "represented by  10" in out
    assert "does not depend on the input" in out


def test_scores_and_accuracies(ntknas, finished, truth):
    held = Run(finished).ids[0]
    status, out, _ = ntknas("arch", f"{held},10", "--run", finished, "--truth", truth)
    assert status == 0
    assert "mixed_robust" in out
    assert "pgd_8" in out
    assert f"not in the run in {finished}" in out
    assert f"not in {truth}" in out


@pytest.mark.parametrize("spec", ["all", "random:21", "banana", "15625", "|nor_conv_3x3~0|"])
def test_bad_specs(refused, spec):
    refused("arch", spec)
