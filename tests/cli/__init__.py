"""Tests of `ntknas.cli`."""
