"""The README's Python runs as written."""

import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_python_of_the_readme_runs(code, capsys):
    exec(compile(code, str(README), "exec"), {"__name__": "readme"})  # noqa: S102
    assert capsys.readouterr().out.strip()


def test_the_readme_has_python():
    assert len(BLOCKS) >= 2
