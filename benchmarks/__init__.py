"""What it costs: run by hand, not by the tests. Each module is a program: `python -m benchmarks.queries`."""
