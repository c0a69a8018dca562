"""The leaderboard for people: one page a year that opens by double click, and a workbook.

Belongs here: choosing what a reader sees of the result tables, and laying it out.
Does not: any formula (market/), Dagster (assets/), recording what was made (run.py).
"""
