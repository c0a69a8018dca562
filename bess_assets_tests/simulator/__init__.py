"""Tests of the simulator: the made-up market, its files and its truth."""
