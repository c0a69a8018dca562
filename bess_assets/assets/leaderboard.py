"""What each battery earned by day, month and year, and who earned most.

Belongs here: the assets of the group `leaderboard`.
Does not: how they are reckoned; each calls the market function of its own name.
"""

from bess_assets.assets.result import result_asset

daily_revenue = result_asset("daily_revenue")
leaderboard = result_asset("leaderboard")
leaderboard_monthly = result_asset("leaderboard_monthly")

ASSETS = [daily_revenue, leaderboard, leaderboard_monthly]
