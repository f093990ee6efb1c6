"""The Python of docs/theory.md runs as written, block after block."""

import re
import subprocess
import sys
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "theory.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


def test_python_of_the_theory_document_runs(tmp_path):
    assert len(BLOCKS) >= 6
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(BLOCKS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    slope = re.search(r"slope (-\d\.\d+)", done.stdout)
    assert slope
    assert -0.8 < float(slope[1]) < -0.2
