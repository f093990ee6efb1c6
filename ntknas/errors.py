"""`InputError`: the one exception that means "your input cannot be used".

The command line prints its message as a single line and exits with status 2. Every other
exception is a failure of the program.
"""

__all__ = ["InputError"]


class InputError(ValueError):
    """Input that cannot be used; the message says what was expected and what was received."""
