"""Planted faults: what happens to the published figures when one input is wrong.

Each module says what belongs to it; `python -m bess_assets_tests.faults` plants every fault and writes the tables of docs/.
"""
