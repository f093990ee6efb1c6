"""Tests of the engine: specs, the compiled program, the store, runs, scoring."""
