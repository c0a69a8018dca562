"""The three daily summaries of the extracts.

Belongs here: the assets of the group `daily`.
Does not: how they are reckoned; each calls the market function of its own name.
"""

from bess_assets.assets.result import result_asset

dam_awards_daily = result_asset("dam_awards_daily")
rt_dispatch_daily = result_asset("rt_dispatch_daily")
price_daily = result_asset("price_daily")

ASSETS = [dam_awards_daily, rt_dispatch_daily, price_daily]
