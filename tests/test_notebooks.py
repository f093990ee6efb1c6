"""The notebooks of the tutorials run from top to bottom, and are stored as they ran."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import ntknas
from tests.conftest import DATA

TOP = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((TOP / "docs" / "tutorials").glob("*.ipynb"))

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def read(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def results(cell):
    """What a cell returned, by type; texts alone."""
    (output,) = cell.outputs
    return output["data"]


@each_notebook
def test_it_is_stored_as_it_ran(path):
    """In one go, without errors or remarks, with a result in every cell but the installation."""
    install, *cells = code_cells(read(path))
    assert "%pip install --quiet ntknas" in install.source
    assert install.outputs == []
    assert [cell.execution_count for cell in (install, *cells)] == list(range(1, len(cells) + 2))
    for cell in cells:
        assert [output.output_type for output in cell.outputs] == ["execute_result"]


def test_the_stored_results_are_those_of_this_version():
    """Those that need no network: the ranking and the drawing of its first cell."""
    cells = code_cells(read(TOP / "docs/tutorials/first_steps.ipynb"))
    (drawing,) = [results(c) for c in cells if c.source.endswith("\ncell")]
    assert drawing["text/html"] == ntknas.Architecture.from_id(9930)._repr_html_()
    (ranking,) = [results(c) for c in cells if c.source.endswith("\nranking")]
    best = ntknas.rank(ntknas.load_precomputed(), top=5)
    for label, score in zip(best["id"], best["score"], strict=True):
        assert f" {label} " in ranking["text/plain"]
        assert f"{score:.6f}" in ranking["text/plain"]


@pytest.mark.slow
@each_notebook
def test_it_runs(path, data_file, tmp_path, monkeypatch):
    data_file("robbench/NAS-RobBench-201_html.json")  # skips, saying why, where it is missing
    monkeypatch.setenv("NTKNAS_DATA", str(DATA))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TOP), os.environ.get("PYTHONPATH", "")]))
    notebook = read(path)
    stored = code_cells(read(path))
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    for cell, before in zip(code_cells(notebook), stored, strict=True):
        if cell.outputs or before.outputs:
            assert results(cell).keys() == results(before).keys()
    pictures = [c for c in code_cells(notebook) if c.outputs and "image/png" in results(c)]
    assert len(pictures) == 3
