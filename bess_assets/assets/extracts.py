"""What each battery was awarded and did, and the prices at its node: the only steps that read the big files.

Belongs here: the assets of the group `extracts`.
Does not: how they are reckoned; each calls the market function of its own name.
"""

from bess_assets.assets.result import result_asset

bess_awards = result_asset("bess_awards")
bess_dispatch = result_asset("bess_dispatch")
bess_prices = result_asset("bess_prices")

ASSETS = [bess_awards, bess_dispatch, bess_prices]
