"""Which columns the rollup files have, and how that changed over the years.

Belongs here: the assets of the group `schemas`.
Does not: how files are compared with what ERCOT published; each calls the market function of its own name.
"""

from bess_assets.assets.result import merged_asset, result_asset

rollup_schemas = result_asset("rollup_schemas")
column_availability = merged_asset("column_availability")

ASSETS = [rollup_schemas, column_availability]
