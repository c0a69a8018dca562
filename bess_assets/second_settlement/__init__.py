"""The second road: the same settlement straight from ERCOT's CSV reports, in plain pandas, for validation only.

Belongs here: a settlement that shares no code with the market's, the reports that it reads, and the comparison of its revenue with the results.
Does not: anything that a refresh needs. settlement.py, source.py and csv_reports.py import nothing else of this package, so that an error of the first road
cannot be an error of the second; compare.py knows both.
"""
