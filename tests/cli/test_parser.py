"""The parser: lists, fractions, errors in one line."""

import argparse

import pytest

from ntknas.cli.parser import ArgumentParser, comma_list, fraction, one_of


def test_list_of_fractions():
    assert comma_list(fraction)(" 3/255, 0.5,") == [3 / 255, 0.5]


@pytest.mark.parametrize("text", ["1/0", "x", "1/2/3", "inf"])
def test_bad_fraction_keeps_its_message(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a"):
        fraction(text)


def test_one_of_names_the_choices():
    with pytest.raises(argparse.ArgumentTypeError, match="a,b"):
        one_of("a", "b")("c")


def test_error_is_one_line_even_if_the_message_is_not(capsys):
    parser = ArgumentParser(prog="ntknas demo", inherited_absl_flags=None)
    with pytest.raises(SystemExit) as stop:
        parser.error("two\nlines")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "ntknas: error: two lines (see ntknas demo --help)\n"


def test_options_are_not_abbreviated(capsys):
    parser = ArgumentParser(prog="ntknas demo", inherited_absl_flags=None)
    parser.add_argument("--seeds")
    with pytest.raises(SystemExit):
        parser.parse_args(["--seed", "1"])
