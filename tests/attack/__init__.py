"""Tests of the room attack."""
