"""Tests of ntknas.ranking."""
