"""The two ledgers: every dollar by quarter-hour, and by hour and product.

Belongs here: the assets of the group `revenue`.
Does not: how they are reckoned; each calls the market function of its own name.
"""

from bess_assets.assets.result import result_asset

energy_revenue = result_asset("energy_revenue")
as_revenue = result_asset("as_revenue")

ASSETS = [energy_revenue, as_revenue]
