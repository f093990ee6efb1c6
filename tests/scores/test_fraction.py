"""Numbers as users write them can be written and read back."""

import pytest
from hypothesis import given, strategies as st

from ntknas.errors import InputError
from ntknas.scores import format_decimal, format_fraction, parse_fraction

radii = st.one_of(
    st.integers(0, 255).map(lambda k: k / 255),
    st.decimals(0, 1, places=4).map(float),
    st.floats(0, 1),
)


@given(radii)
def test_fractions_round_trip(value):
    assert parse_fraction(format_fraction(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimals_round_trip(value):
    assert float(format_decimal(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(3 / 255, "3/255"), (8 / 255, "8/255"), (1.0, "1"), (0.0, "0"), (0.03, "0.03"), (2.0, "2")],
)
def test_fractions_read_well(value, text):
    assert format_fraction(value) == text


@pytest.mark.parametrize(
    "text", ["", "a", "1/0", "1/", "/2", "1/2/3", "nan", "inf", "1/nan", "8,5"]
)
def test_bad_numbers(text):
    with pytest.raises(InputError, match="expected a"):
        parse_fraction(text)
