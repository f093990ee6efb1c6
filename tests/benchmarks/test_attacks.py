"""Both competitors attack the same network, and their times are put together right."""

import numpy as np
import pytest
import torch

from benchmarks.attacks import AttacksConfig, run
from benchmarks.peers import torch_attacks
from ntknas.errors import InputError
from ntknas.images import load_images
from tests.attack.train_networks import FILE
from tests.attack.trained import logits_fn, trained


def test_the_peers_network_is_the_trained_one():
    images = (load_images().pixels[:3] / 255).astype(np.float32)
    model = torch_attacks.NetworkInPixels(
        "221421", torch_attacks.checkpoint(str(FILE), "more_robust", "221421")
    )
    with torch.no_grad():
        found = model(torch.tensor(images.transpose(0, 3, 1, 2))).numpy()
    expected = logits_fn(trained("more_robust"))(images)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_run():
    config = AttacksConfig(
        str(FILE), ("more_robust:221421:8",), ("pgd",), images=12, steps=2, repeats=1
    )
    result = run(config)
    (row,) = result["rows"]
    found = result["attacks"]["pgd"]
    assert found["ratio"] == pytest.approx(row["ntknas_seconds"] / row["torchattacks_seconds"])
    assert found["ntknas_seconds_per_image"] == pytest.approx(row["ntknas_seconds"] / 12)
    assert found["compile_seconds"] == pytest.approx(row["compile_seconds"])
    cpu = [row[f"{name}_cpu_seconds"] for name in ("ntknas", "torchattacks")]
    assert found["cpu"]["ratio"] == pytest.approx(cpu[0] / cpu[1])
    assert result["largest_difference"] <= 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"repeats": 0}, "at least 1"), ({"attacks": ("cw",)}, "expected attack to be one of pgd")],
)
def test_bad_settings(settings, message):
    with pytest.raises(InputError, match=message):
        AttacksConfig(**settings)
