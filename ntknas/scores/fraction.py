"""Numbers as users write them, such as a radius 8/255 or 0.0313725, or a weight 0.5."""

from ntknas.errors import InputError

__all__ = ["format_decimal", "format_fraction", "parse_fraction"]


def parse_fraction(text: str) -> float:
    """A number written as a decimal or as a fraction such as 8/255.

    Args:
        text: Text of the number.

    Raises:
        InputError: If the text is neither a decimal nor a fraction, or the number is not finite.

    Example:
        >>> parse_fraction("8/255") == 8 / 255
        True
    """
    try:
        top, slash, bottom = text.partition("/")
        value = float(top) / float(bottom) if slash else float(top)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"expected a number such as 0.03 or 8/255, got {text!r}") from None
    if value != value or abs(value) == float("inf"):
        raise InputError(f"expected a finite number, got {text!r}")
    return value


def format_fraction(value: float) -> str:
    """The shortest exact text of a radius: k/255 if it has this form, else a decimal.

    Args:
        value: Radius to write.

    Example:
        >>> format_fraction(8 / 255), format_fraction(0.5), format_fraction(0.0)
        ('8/255', '0.5', '0')
    """
    steps = round(value * 255)
    if 0 < steps < 255 and steps / 255 == value:
        return f"{steps}/255"
    return format_decimal(value)


def format_decimal(value: float) -> str:
    """The shortest exact decimal of a number.

    Args:
        value: Number to write.

    Example:
        >>> format_decimal(0.25), format_decimal(1.0)
        ('0.25', '1')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))
