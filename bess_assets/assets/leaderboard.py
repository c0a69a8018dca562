"""What each battery earned by day, month and year, who earned most, and what moved since the edition before.

Belongs here: the assets of the group `leaderboard`.
Does not: how they are reckoned; each calls the market function of its own name, and the report its own package.
"""

from bess_assets.assets.result import files_asset, result_asset
from bess_assets.report.files import write_report
from bess_assets.tables import LEADERBOARD_REPORT

daily_revenue = result_asset("daily_revenue")
leaderboard = result_asset("leaderboard")
leaderboard_monthly = result_asset("leaderboard_monthly")
leaderboard_history = result_asset("leaderboard_history")
what_changed = result_asset("what_changed")
leaderboard_report = files_asset(LEADERBOARD_REPORT, write_report)

ASSETS = [daily_revenue, leaderboard, leaderboard_monthly, leaderboard_history, what_changed, leaderboard_report]
