"""The kernels of the doctor: what passes, and what does not."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ntknas.engine import check_machine, self_check_kernels
from ntknas.engine.self_check import TOLERANCE
from ntknas.spaces import architectures


@pytest.fixture(scope="module")
def found():
    return check_machine()


def test_this_machine_passes(found):
    assert found.passed
    assert found.error < 1e-4
    assert found.tolerance == TOLERANCE
    assert found.program == "branches"
    assert found.seconds > 0


@pytest.mark.slow
def test_bundles_pass():
    found = check_machine("bundles")
    assert found.program == "bundles"
    assert found.error < 1e-4


@pytest.mark.parametrize("error", [2 * TOLERANCE, np.nan, np.inf])
def test_other_kernels_do_not_pass(found, error):
    assert not replace(found, error=error).passed


def test_one_wrong_kernel_of_four_is_seen(monkeypatch):
    from ntknas.engine import self_check

    stored = json.loads((self_check.STORED).read_text())
    kernels = np.array(stored["kernels"])
    kernels[2] *= 1.01
    monkeypatch.setattr(self_check, "_kernels", lambda scorer: kernels)
    assert check_machine().error == pytest.approx(0.01)


def test_every_operation_is_in_the_check():
    from ntknas.engine.self_check import ARCHITECTURES

    assert {op for one in architectures(list(ARCHITECTURES)) for op in one.ops} == {0, 1, 2, 3, 4}


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_the_stored_kernels_are_those_of_float64(tmp_path):
    from experiments.embed_self_check import EmbedSelfCheckConfig, run
    from ntknas.engine.self_check import STORED

    path = tmp_path / "kernels.json"
    assert run(EmbedSelfCheckConfig(path)) == 4
    made, stored = (np.array(json.loads(p.read_text())["kernels"]) for p in (path, STORED))
    np.testing.assert_allclose(made, stored, rtol=1e-9)
    assert len(self_check_kernels()) == 4
