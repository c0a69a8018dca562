"""The assets, by group. Thin: read, call the market function of the same name, return; each with the checks that guard it.

Belongs here: which assets there are, and what Dagster shows of them.
Does not: any formula (market/), writing (assets/io_managers.py).
"""
