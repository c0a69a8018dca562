"""Which batteries there are.

Belongs here: the assets of the group `registry`.
Does not: how they are reckoned; each calls the market function of its own name.
"""

from bess_assets.assets.result import merged_asset, result_asset

bess_registry = result_asset("bess_registry")
bess_fleet = merged_asset("bess_fleet")

ASSETS = [bess_registry, bess_fleet]
