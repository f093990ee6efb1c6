"""`InputError`: the one exception that means "your input cannot be used".

The command line prints its message as a single line and exits with status 2. Every other
exception is a failure of the program.
"""

__all__ = ["InputError", "Remark", "check_names", "shorten"]


class InputError(ValueError):
    """Input that cannot be used; the message says what was expected and what was received.

    Args:
        message: The message. Line breaks, which names in files may bring, become spaces.

    Example:
        >>> InputError("expected a name," + chr(10) + "got none").args
        ('expected a name, got none',)
    """

    def __init__(self, message: str):
        super().__init__(" ".join(line.strip() for line in message.splitlines()))


class Remark(UserWarning):
    """Input that can be used, but is probably not what was meant."""


def shorten(value: object, most: int = 60) -> str:
    """A value as text for an error message, cut in the middle if it is long.

    Args:
        value: Text, which is kept as it is, or another value, whose `repr` is taken.
        most: Largest number of characters.

    Example:
        >>> shorten("0,1,2,3,4,5,6,7,8,9", most=12)
        '0,1,2...,8,9'
    """
    text = value if isinstance(value, str) else repr(value)
    if len(text) <= most:
        return text
    kept = most - 3
    return f"{text[: kept - kept // 2]}...{text[len(text) - kept // 2 :]}"


def check_names(names: object, what: str) -> None:
    """Raise InputError for a single text where a list of names is expected.

    Args:
        names: List of names, or None.
        what: What the names are names of, in the plural.

    Example:
        >>> try:
        ...     check_names("pgd_8", "metrics")
        ... except InputError as error:
        ...     str(error)
        "expected a list of metrics, such as ['pgd_8'], got the text 'pgd_8'"
    """
    if isinstance(names, (str, bytes)):
        shown = shorten(repr(names))
        raise InputError(f"expected a list of {what}, such as [{shown}], got the text {shown}")
