"""`Registry`: the members of a family (attacks, scores, searches ...) by name.

A family is a Protocol and a registry. A member that ships with the package is registered by the
place of its code, `"ntknas.attack.pgd:pgd"`, and imported when it is first asked for, so that a
list of names costs nothing. A member of your own is registered as the object itself.
"""

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar, cast

from ntknas.errors import InputError

__all__ = ["Registry"]

Member = TypeVar("Member")


class Registry(Mapping[str, Member], Generic[Member]):
    """A mapping from names to the members of a family, open for more.

    Args:
        family: What a member is, for error lines, such as "attack".
        members: The first members: objects, or places of the form "package.module:name".

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
            name: A name that no other member has: letters, digits and underscores.
            member: The member.

        Returns:
            The member, so that the call can stand around a definition.

        Raises:
            InputError: If the name is taken by another member, or is no such name.
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
        """Take a member out.

        Args:
            name: The member's name; nothing happens if there is none of it.
        """
        self._members.pop(name, None)

    def __getitem__(self, name: str) -> Member:
        try:
            member = self._members[name]
        except KeyError:
            known = ", ".join(self._members)
            raise UnknownMember(
                f"expected {self.family} to be one of {known}, got {name!r}"
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
        """The name itself, if there is such a member; nothing is imported.

        Raises:
            InputError: If there is none.
        """
        if name not in self._members:
            self[name]  # raises
        return name


class UnknownMember(InputError, KeyError):
    """There is no member of this name; the message lists the names that there are."""

    def __str__(self) -> str:
        return str(self.args[0])
