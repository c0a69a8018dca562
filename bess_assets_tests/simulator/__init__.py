"""Tests of the simulator: the made-up market and its files."""
