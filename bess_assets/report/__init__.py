"""The leaderboard for people: one page a year that opens by double click, and a workbook, laid out from the result tables without a formula of their own."""
