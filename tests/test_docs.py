"""The Python of the documentation runs as written, block after block."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = [
    "explanation/theory.md",
    "tutorials/robust_kernels.md",
    "tutorials/own_networks.md",
    "how-to/own_images.md",
    "how-to/scale.md",
    "how-to/search.md",
    "how-to/attack_a_network.md",
    "how-to/other_tools.md",
    "how-to/name_and_combine_scores.md",
]


def run_blocks(page: str, folder: Path) -> str:
    """What the Python of a page prints, in a process of its own."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Pages that train or compile for a minute run with the slow tests.
QUICK = ("how-to/own_images.md", "how-to/search.md", "how-to/other_tools.md")


@pytest.mark.parametrize(
    "page", [p if p in QUICK else pytest.param(p, marks=pytest.mark.slow) for p in PAGES]
)
def test_python_of_a_page_runs(page, tmp_path):
    printed = run_blocks(page, tmp_path)
    if page == "explanation/theory.md":
        slope = re.search(r"slope (-\d\.\d+)", printed)
        assert slope
        assert -0.8 < float(slope[1]) < -0.2
    if page == "how-to/search.md":
        assert printed == "depth5_width32\n32\n"


def test_every_page_with_python_is_run():
    pages = {
        str(path.relative_to(DOCS))
        for path in DOCS.rglob("*.md")
        if "```python" in path.read_text(encoding="utf-8")
    }
    # Its block reads a checkpoint, which tests/network/test_torch_weights.py does.
    assert pages == {*PAGES, "how-to/load_checkpoint.md"}
