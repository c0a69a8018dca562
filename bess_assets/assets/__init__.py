"""The assets that Dagster shows: reports and rollups, the yearly tables and the page, the merged tables; each with the checks that guard it."""
