"""The same settlement a second time, in plain pandas, for validation: the right answer of a made-up market, and the comparison with ERCOT's reports.

It shares no code with the first settlement, so that an error of one cannot be an error of the other; only compare.py knows both.
"""
