"""Tables of docs/results.md."""

import pandas as pd

__all__ = ["markdown"]


def markdown(frame: pd.DataFrame) -> str:
    """A table as Markdown, a line a row, cells as `str` writes them.

    >>> print(markdown(pd.DataFrame({"score": ["cond"], "pgd_8": ["0.75"]})))
    | score | pgd_8 |
    |---|---|
    | cond | 0.75 |
    """
    header = "| " + " | ".join(frame.columns) + " |\n" + "|---" * frame.shape[1] + "|"
    rows = ("| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False))
    return "\n".join([header, *rows])
