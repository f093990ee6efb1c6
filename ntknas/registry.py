"""`Registry`: the members of a family (attacks, scores, searches ...) by name.

A family is a Protocol and a registry. A member that ships with the package is registered by the
place of its code, such as `"ntknas.attack.pgd:pgd"`, and imported when it is first used. Listing
the names therefore imports nothing. A member of your own is registered as the object itself.
"""

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar, cast

from ntknas.errors import InputError
from ntknas.rooms import advice

__all__ = ["Registry"]

Member = TypeVar("Member")


class Registry(Mapping[str, Member], Generic[Member]):
    """A mapping from names to the members of a family, to which members can be added.

    Args:
        family: Noun for a member in error messages, such as "attack".
        members: Members to start with, by name: objects, or places of the form
            "package.module:name".

    Example:
        >>> colours = Registry("colour", {"red": 1})
        >>> colours.register("blue", 2)
        2
        >>> list(colours), colours["blue"]
        (['red', 'blue'], 2)
    """

    def __init__(self, family: str, members: Mapping[str, Member | str] | None = None):
        self.family = family
        self._members: dict[str, Member | str] = dict(members or {})

    def register(self, name: str, member: Member) -> Member:
        """Add a member.

        Args:
            name: Name of the member, made of letters, digits and underscores. No other member may
                have it.
            member: The member itself.

        Returns:
            The member, so that the call can be used inside an expression.

        Raises:
            InputError: If another member has the name, or the name contains other characters.
        """
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) is None:
            raise InputError(
                f"expected a name of letters, digits and underscores for the {self.family}, "
                f"got {name!r}"
            )
        if name in self._members and self[name] is not member:
            raise InputError(f"there is a {self.family} named {name!r} already")
        self._members[name] = member
        return member

    def remove(self, name: str) -> None:
        """Remove a member.

        Args:
            name: Name of the member; nothing happens if no member has it.
        """
        self._members.pop(name, None)

    def __getitem__(self, name: str) -> Member:
        try:
            member = self._members[name]
        except KeyError:
            known = ", ".join(self._members)
            raise UnknownMember(
                f"expected {self.family} to be one of {known}, got {name!r}"
                f"{advice(str(name), self._members)}"
            ) from None
        if isinstance(member, str):
            module, _, attribute = member.partition(":")
            member = cast(Member, getattr(importlib.import_module(module), attribute))
            self._members[name] = member
        return member

    def __contains__(self, name: object) -> bool:
        return name in self._members  # without importing the member

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def check(self, name: str) -> str:
        """The name itself, if a member has it; the member is not imported.

        Args:
            name: Name to check.

        Raises:
            InputError: If no member has the name.
        """
        if name not in self._members:
            self[name]  # raises
        return name


class UnknownMember(InputError, KeyError):
    """No member has the name; the message lists the names that exist."""

    def __str__(self) -> str:
        return str(self.args[0])
