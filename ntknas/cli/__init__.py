"""The command line, `ntknas COMMAND ...`: one thin module per command."""

__all__: list[str] = []
