"""Tests of ntknas.images."""
