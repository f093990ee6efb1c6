"""What later versions add to tables of version 0.1.0."""

__all__ = ["without_later"]

COUNTS = ("skip_paths", "linear_pool_paths", "surplus_linear_paths")
COLUMNS = (
    *(*COUNTS, "rank_low", "rank_high"),
    *("difference", "difference_low", "difference_high"),
)


def without_later(text: str) -> str:
    """A CSV table without columns of later versions, and without rows of their scores."""
    rows = [line.split(",") for line in text.splitlines() if line.split(",")[0] not in COUNTS]
    kept = [i for i, column in enumerate(rows[0]) if column not in COLUMNS]
    return "".join(",".join(row[i] for i in kept) + "\n" for row in rows)
