"""Every setting is timed, the exponent is that of a power law, and a picture is written."""

import pytest

from benchmarks import engine
from benchmarks.scaling import ScalingConfig, exponent, plot, run
from ntknas.errors import InputError
from ntknas.layers import Norm

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.slow
def test_run(tmp_path):
    config = ScalingConfig(
        arch="code:000300",
        batch_sizes=(2, 4),
        widths=(4, 2),
        depths=(1, 2),
        devices=(1, 2),
        per_launch=2,
        batch_size=4,
        channels=4,
        cells=1,
        repeats=2,
        plot=tmp_path / "scaling.png",
    )
    result = run(config)["scaling"]
    values = {name: [p["id"] for p in found["points"]] for name, found in result.items()}
    expected = {"batch_size": [2, 4], "channels": [4, 2], "cells": [1, 2], "devices": [1, 2]}
    assert values == expected
    for name, found in result.items():
        seconds = [point["median_seconds"] for point in found["points"]]
        assert found["exponent"] == pytest.approx(exponent(values[name], seconds))
    base = [result[name]["points"][at] for name, at in (("batch_size", 1), ("channels", 0))]
    assert base[0] | {"id": 0} == base[1] | {"id": 0}  # one setting, timed once
    assert config.plot.read_bytes().startswith(PNG)


def test_a_setting_decides_on_the_kernel():
    spec, batch = engine.clean_setting(3, 2, 1, Norm.IMAGE)
    assert (spec.batch_size, spec.network.channels, spec.network.cells) == (3, 2, 1)
    assert (spec.network.norm, len(batch), spec.batches) == (Norm.IMAGE, 3, ("clean",))


def test_settings_vary_one_thing_at_a_time():
    found = ScalingConfig(batch_size=7, channels=5, cells=2).settings()
    assert list(found["batch_size"].values()) == [(8, 5, 2), (16, 5, 2), (32, 5, 2)]
    assert list(found["channels"].values()) == [(7, 8, 2), (7, 16, 2), (7, 32, 2)]
    assert list(found["cells"].values()) == [(7, 5, 1), (7, 5, 3), (7, 5, 5)]


def test_exponent_of_a_power_law():
    assert exponent([8, 16, 32], [3 * n**1.7 for n in (8, 16, 32)]) == pytest.approx(1.7)
    assert exponent([1, 3, 5], [2.0, 2.0, 2.0]) == pytest.approx(0, abs=1e-12)


def test_a_picture_of_points_that_do_not_scatter(tmp_path):
    points = [{"id": n, "median_seconds": n**2.0, "quartiles": [n**2.0, n**2.0]} for n in (8, 16)]
    path = plot({"cells": {"exponent": 2.0, "points": points}}, tmp_path / "one.png")
    assert path.read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": (8, 8)}, "widths must be two values or more"),
        ({"devices": (0, 2)}, "devices must be two values or more from 1 on"),
        ({"devices": (2, 3)}, r"a multiple of devices \(2, 3\), got 4"),
        ({"repeats": 0}, "repeats must be at least 1, got 0"),
        ({"plot": "scaling.txt"}, "ending in .png, .svg or .pdf"),
    ],
)
def test_settings_that_cannot_be_fitted(change, message):
    with pytest.raises(InputError, match=message):
        ScalingConfig(**change)


def test_several_architectures():
    with pytest.raises(InputError, match="expected one architecture, got 2"):
        run(ScalingConfig(arch="random:2:0"))
