"""Cells of many architectures in one launch: masked kernels give what branches give."""

import pytest

from benchmarks.cell_programs import CellProgramsConfig, run
from ntknas.errors import InputError
from ntknas.layers import Norm

# Every operation on every edge in one of them, pools behind pools, and nothing at all.
ARCHS = "code:012341,code:123402,code:234010,code:340121,code:401234,code:444444,code:000000"


@pytest.mark.slow
@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.IMAGE])
def test_programs_agree(norm):
    config = CellProgramsConfig(
        ARCHS, norm=norm, batch_size=3, channels=2, image_size=12, stages=(1,), repeats=1
    )
    (stage,) = run(config)["stages"]
    assert stage["id"] == 1
    assert stage["disagreement"]["branches"] == 0
    assert 0 <= stage["disagreement"]["selection"] < 1e-6
    assert 0 < stage["disagreement"]["masks"] < 1e-6
    assert all(program["ratio"] > 0 for program in stage["programs"].values())


def test_another_stage_is_refused():
    with pytest.raises(InputError, match=r"stages must be of 0, 1, 2, got \(1, 3\)"):
        CellProgramsConfig(stages=(1, 3))


def test_statistics_of_training_are_refused():
    with pytest.raises(InputError, match="norm must be batch or image, got frozen"):
        CellProgramsConfig(norm=Norm.FROZEN)


def test_no_turn_is_refused():
    with pytest.raises(InputError, match="repeats must be at least 1, got 0"):
        CellProgramsConfig(repeats=0)
