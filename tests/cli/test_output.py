"""Results on stdout, remarks on stderr."""

import pandas as pd

from ntknas.cli.output import note, write, write_table


def test_streams(capsys):
    write("result")
    note("remark")
    assert capsys.readouterr() == ("result\n", "remark\n")


def test_table_without_a_terminal_has_no_escapes(capsys):
    write_table(pd.DataFrame({"score": ["[cond]"]}), format="table")
    out = capsys.readouterr().out
    assert "[cond]" in out
    assert "\x1b" not in out
