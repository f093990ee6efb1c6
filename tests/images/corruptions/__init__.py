"""Tests of ntknas.images.corruptions."""
