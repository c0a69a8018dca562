"""Tests of the second road: reading reports, comparing, and that both roads lead to the same dollar."""
