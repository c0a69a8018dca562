"""Thousands of random cases against the places where what others wrote comes in, and against the money; all marked slow."""
