"""`ntknas data`: published tables and images by name; list, fetch, add a file by hand."""

import argparse
import os
from typing import Any

from ntknas.cli.output import note, write, write_table
from ntknas.cli.parser import Commands, add_format
from ntknas.errors import InputError

__all__ = ["add"]

_ABOUT = """\
Examples:
  ntknas data list                              what there is, and what is on this machine
  ntknas data fetch robbench                    download the accuracies of NAS-RobBench-201
  ntknas data fetch cifar10 cifar10c
  ntknas data add cifar10 cifar-10-python.tar.gz   without a network: bring the file by hand
  ntknas correlate --precomputed --truth robbench
  ntknas score --archs random:100 --data cifar10 --out runs/cifar10

Files are found by name below the folder that NTKNAS_DATA names, and below the folder that `fetch`
and `add` write to: ~/.cache/ntknas/data, or ntknas/data below XDG_CACHE_HOME. A mirror that has the
files under their published names is tried first if NTKNAS_MIRROR holds its address.
"""
_MEGABYTE, _KILOBYTE = 1_000_000, 1_000


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "data",
        _no_command,
        summary="list, fetch or add published tables and images, which options then take by name",
        about=_ABOUT,
    )
    own = Commands(parser, dest="data_command")
    listing = own.add("list", _list, summary="list the published files, and where they are")
    listing.add_argument(
        "--verify", action="store_true", help="also check the checksum of each file that is here"
    )
    add_format(listing)
    fetching = own.add("fetch", _fetch, summary="download published files, or go on with it")
    fetching.add_argument("names", metavar="NAME", nargs="+", help="name of a published file")
    fetching.add_argument(
        "--from",
        dest="address",
        metavar="URL",
        help="address of the file, in place of the known ones; for one NAME",
    )
    adding = own.add("add", _add, summary="add a published file that was downloaded by hand")
    adding.add_argument("name", metavar="NAME", help="name of the published file")
    adding.add_argument("file", metavar="FILE", help="path of the file, whatever it is called")


def _no_command(args: argparse.Namespace) -> None:
    raise InputError("expected a command: list, fetch, add (see ntknas data --help)")


def _list(args: argparse.Namespace) -> None:
    import pandas as pd

    from ntknas.data import PUBLISHED, data_folder, file_matches, find_data

    rows = []
    for name, published in PUBLISHED.items():
        path = find_data(name)
        row: dict[str, Any] = {
            "name": name,
            "size": f"{published.size / _MEGABYTE:.1f} MB",
            "content": published.content,
            "licence": published.licence,
            "here": None if path is None else str(path),
        }
        if args.verify:
            file = path if path and path.is_file() else None
            row["verified"] = file and file_matches(file, published.checksum)
        if args.format != "table":
            row |= {
                "file": published.file,
                "bytes": published.size,
                "checksum": published.checksum,
                "source": published.source,
                "addresses": " ".join(published.addresses),
            }
        rows.append(row)
    write_table(pd.DataFrame(rows), format=args.format)
    others = [row["name"] for row in rows if row.get("verified") is False]
    if others:
        raise OSError(f"not the published files, by their checksums: {', '.join(others)}")
    own = os.environ.get("NTKNAS_DATA")
    also = f"; looked for below {own} first (NTKNAS_DATA)" if own else ""
    note(f"fetched into {data_folder()}{also}")


def _fetch(args: argparse.Namespace) -> None:
    from ntknas.data import PUBLISHED, fetch
    from ntknas.report.progress import Progress

    names = list(dict.fromkeys(args.names))
    for name in names:
        PUBLISHED.check(name)
    if args.address is not None and len(names) > 1:
        raise InputError(f"expected one NAME with --from, got {', '.join(names)}")
    for name in names:
        received = False
        with Progress("kB", first=f"{name}: connecting") as progress:

            def on_progress(done: int, total: int, progress: Progress = progress) -> None:
                nonlocal received
                received = True
                progress(done // _KILOBYTE, total // _KILOBYTE)

            path = fetch(name, address=args.address, on_progress=on_progress)
        write(f"{name}: {path}{'' if received else ' (was there)'}")


def _add(args: argparse.Namespace) -> None:
    from ntknas.data import add_file

    write(f"{args.name}: {add_file(args.name, args.file)}")
