"""A registry imports what it is asked for, and knows its names."""

import sys

import pytest

from ntknas.errors import InputError
from ntknas.registry import Registry

MODULE = "colours_for_tests"


@pytest.fixture
def colours(tmp_path, monkeypatch):
    """A registry with a member at hand, and one in a module that nothing has imported."""
    (tmp_path / f"{MODULE}.py").write_text("RED = object()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield Registry("colour", {"blue": 7, "red": f"{MODULE}:RED"})
    sys.modules.pop(MODULE, None)


def test_a_member_is_imported_when_it_is_asked_for(colours):
    assert list(colours) == ["blue", "red"]
    assert len(colours) == 2
    assert "red" in colours
    assert colours.check("red") == "red"
    assert colours["blue"] == 7
    assert MODULE not in sys.modules
    red = colours["red"]
    assert red is sys.modules[MODULE].RED
    assert colours["red"] is red
    assert dict(colours) == {"blue": 7, "red": red}


def test_a_member_of_your_own(colours):
    green = object()
    assert colours.register("green", green) is green
    assert colours["green"] is green
    assert list(colours) == ["blue", "red", "green"]
    assert colours.register("green", green) is green  # again, as when a module is read twice
    colours.remove("green")
    colours.remove("green")
    assert "green" not in colours


@pytest.mark.parametrize("name", ["blue", "red"])
def test_names_that_are_taken(colours, name):
    with pytest.raises(InputError, match=f"there is a colour named '{name}' already"):
        colours.register(name, object())


@pytest.mark.parametrize("name", ["", "1st", "dark blue", "dark-blue", "a:b", "_x"])
def test_names_that_are_none(colours, name):
    with pytest.raises(InputError, match="name of letters, digits and underscores for the colour"):
        colours.register(name, 1)
    assert len(colours) == 2


@pytest.mark.parametrize("ask", [Registry.__getitem__, Registry.check])
def test_unknown_names_list_what_there_is(colours, ask):
    message = "expected colour to be one of blue, red, got 'pink'"
    with pytest.raises(InputError) as caught:
        ask(colours, "pink")
    assert str(caught.value) == message
    assert isinstance(caught.value, KeyError)  # so that a registry is a mapping in full
    assert colours.get("pink") is None
    assert "pink" not in colours
    assert MODULE not in sys.modules


def test_a_place_without_code_is_a_failure_of_the_program(colours):
    colours.register("grey", f"{MODULE}:GREY")
    with pytest.raises(AttributeError, match="GREY"):
        _ = colours["grey"]
