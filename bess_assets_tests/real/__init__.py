"""Tests on genuine rows of ERCOT's reports; skipped, saying so, where they are absent."""
