"""Tests, mirroring the package file for file."""
