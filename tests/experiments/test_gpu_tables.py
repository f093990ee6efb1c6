"""The script for a GPU, at its small size on a CPU."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_both_steps_write_their_scores(tmp_path):
    subprocess.run(
        [ROOT / "experiments" / "gpu_tables.sh", tmp_path],
        env={**os.environ, "TINY": "1", "PYTHON": sys.executable},
        cwd=ROOT,
        check=True,
        timeout=600,
    )
    clean, attacked = (
        pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("clean", "attacked")
    )
    assert clean.groupby("seed").size().tolist() == [3, 3, 3]
    assert set(attacked["kernel"]) >= {"clean", "robust", "twice"}
    assert attacked["seed"].nunique() == 4
