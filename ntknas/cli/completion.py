"""`ntknas completion`: completion of commands, options and names in a shell, by argcomplete.

The shell asks the program itself, so names of scores and of published files are complete, whatever
is registered.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from typing import Any

from ntknas.cli.output import write
from ntknas.cli.parser import Commands

__all__ = ["add", "complete"]

SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")

_ABOUT = """\
Put one of these lines into the file that your shell reads at its start:
  eval "$(ntknas completion bash)"             ~/.bashrc
  eval "$(ntknas completion zsh)"              ~/.zshrc, after compinit
  ntknas completion fish | source              ~/.config/fish/config.fish
"""

Completer = Callable[..., list[str]]


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "completion",
        _run,
        summary="write the code that completes commands and names in a shell",
        about=_ABOUT,
    )
    parser.add_argument("shell", choices=SHELLS, help="shell to write the code for")


def _run(args: argparse.Namespace) -> None:
    import argcomplete

    write(argcomplete.shellcode(["ntknas"], shell=args.shell).rstrip())


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, and end the process; else do nothing.

    Args:
        parser: Parser of the program, with all of its commands.
    """
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete

    for action in _actions(parser):
        for key in (*(action.option_strings or [action.dest]), action.metavar):
            if key in _COMPLETERS:
                setattr(action, "completer", _COMPLETERS[key])  # noqa: B010 - argcomplete's own
    argcomplete.autocomplete(parser)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The arguments of a parser and of the parsers of its commands."""
    for action in parser._actions:  # as argcomplete does: there is no public name
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)


def _last_part(names: Callable[[], list[str]]) -> Completer:
    """A completer of the last of several names, which commas and signs separate."""

    def completer(prefix: str, **_: Any) -> list[str]:
        start = max(prefix.rfind(sign) for sign in ",+") + 1
        return [prefix[:start] + name for name in names()]

    return completer


def _scores() -> list[str]:
    """Names of scores: of the clean kernel and of attacked ones, and those without a kernel."""
    from ntknas.scores import SCORES

    kernels = ("clean", "robust:8/255", "twice:8/255")
    of_kernels = _kernel_scores()
    names = [f"{name}@{kernel}" for name in of_kernels for kernel in kernels]
    return ["default", *names, *(name for name in SCORES if name not in of_kernels)]


def _kernel_scores() -> list[str]:
    """Names of scores of kernels, without a kernel."""
    from ntknas.scores import SCORES, ScoreKind

    return [name for name, score in SCORES.items() if score.kind is ScoreKind.KERNEL]


def _published(*kinds: str) -> Completer:
    """A completer of names of published files, and of files unless no kind is given."""

    def completer(prefix: str, **_: Any) -> list[str]:
        from argcomplete.completers import FilesCompleter

        from ntknas.data import PUBLISHED

        names = [name for name, one in PUBLISHED.items() if not kinds or one.kind in kinds]
        return names + (list(FilesCompleter()(prefix)) if kinds else [])

    return completer


_COMPLETERS: dict[Any, Completer] = {
    "--score": _last_part(_scores),
    "--combine": _last_part(_scores),
    "--truth": _published("accuracies"),
    "--data": _published("images"),
    "--corrupted-data": _published("corrupted images"),
    "name": _published(),
    "names": _published(),
    "SCORE": _last_part(_kernel_scores),  # of `ntknas sweep`, which adds the kernels
}
