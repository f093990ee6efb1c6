"""Tests of `ntknas.report`."""
