"""The benchmark of a large run, with a small one."""

import json

import pytest

from benchmarks.million import MillionConfig, run
from ntknas.errors import InputError
from tests.cli.conftest import write_truth


@pytest.mark.slow
def test_every_step_finds_the_run(tmp_path):
    truth = {index: [0.1 + index / 1e4, index / 2e4] for index in (5, 7, 9, 10)}
    path = write_truth(tmp_path / "truth.json", truth, ["cifar10#val_acc", "cifar10#val_pgd_8_acc"])
    config = MillionConfig(
        "5,7,9,10", "5,7", 3, (4.0, 8.0), 3, str(path), 20, str(tmp_path / "million")
    )
    result = run(config)
    assert result["results"] == 4 * 3 * 2
    assert result["table_rows"] == 4 * 3 * len(config.spec(3).kernel_rows())
    values = {name: step["value"] for name, step in result["steps"].items()}
    assert values.pop("export") > 0
    assert values == {
        "fill": 24,
        "open": 4,
        "resume": 4,
        "table": result["table_rows"],
        "scores": 4,
        "correlate": 4,
    }
    assert all(step["peak_rss_mb"] > 10 for step in result["steps"].values())
    assert json.dumps(result, default=str)
    assert not (tmp_path / "million").exists()


def test_settings_without_seeds():
    with pytest.raises(InputError, match="^seeds must be at least 1, got 0$"):
        MillionConfig(seeds=0)
