"""Pictures for print: which are written, and how wide they are."""

import re

import pytest

from ntknas.errors import InputError
from ntknas.report.page import write_figures


@pytest.mark.slow
def test_every_picture_in_both_widths(material, tmp_path):
    written = write_figures(material, tmp_path / "figures")
    assert sorted(tmp_path.glob("figures/*")) == sorted(written)
    stems = {path.stem for path in written}
    assert {"run1_ranks_page", "run1_ranks_column", "run1_spectra", "run1_beta"} <= stems
    assert {"run1_correlations_column", "run1_scatter", "run1_heat_sphericity"} <= stems
    assert {"search1_search_column", f"trainings1_training_{_first(material)}"} <= stems
    for path in tmp_path.glob("figures/*.svg"):
        found = re.search(r'width="([\d.]+)pt"', path.read_text())
        assert found
        width = float(found[1]) / 72
        assert width == pytest.approx(3.5 if "_column" in path.stem else 7.0, abs=0.01) or (
            "heat" in path.stem and width == pytest.approx(4.2, abs=0.01)
        )
    for path in tmp_path.glob("figures/*.pdf"):
        assert path.read_bytes().startswith(b"%PDF")


def _first(material):
    return material.trained[0].metrics()["training"].iloc[0].replace(", ", "_").replace(" ", "_")


def test_a_folder_that_cannot_be_made(material, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot make the folder"):
        write_figures(material, tmp_path / "file" / "figures")


def test_one_source_has_no_numbers_in_its_names(material, tmp_path):
    alone = material._replace(scored=[], trained=[])
    written = write_figures(alone, tmp_path)
    assert {path.name for path in written} == {
        f"search_{width}.{kind}" for width in ("page", "column") for kind in ("svg", "pdf")
    }
