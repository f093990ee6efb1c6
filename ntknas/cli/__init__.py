"""The command line, `ntknas COMMAND ...`: one thin module a command."""

__all__: list[str] = []
