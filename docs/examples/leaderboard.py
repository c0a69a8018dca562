# %% [markdown]
# # Who earned most, how, and can I trust it?
#
# The query API and DuckDB on a home that `bess refresh` or `bess demo` has filled. Each `# %%` begins a cell: editors such as VS Code, PyCharm and
# Spyder show this file as a notebook, `jupytext --to ipynb` makes one of it, and `python docs/examples/leaderboard.py` runs it as it is.
# Results are looked for where `bess` looks: in `BESS_HOME`, else in `./bess_home`.

# %%
from pathlib import Path

import duckdb

from bess_assets.results import Results

results = Results()
years = results.years()
year = years[-2] if len(years) > 1 else years[-1]  # the latest may not be closed yet
print("years refreshed:", years)

# %% [markdown]
# ## The year's board
#
# An `Answer` holds `columns` and `rows`; `records()`, `column(name)`, `to_arrow()` and `to_pandas()` turn it into what is needed.
# Ranked batteries come first. `rank` is None where a battery cannot be ranked fairly, and `excluded_reason` says why.

# %%
board = results.leaderboard(year)
for row in board.records():
    if row["rank"] is not None:
        print(
            row["rank"],
            row["battery"],
            f"{row['total_usd']:,.0f} $",
            row["usd_per_kw_month"],
            "$/kW-month",
            row["strategy"],
        )
    else:
        print("not ranked:", row["battery"], "-", row["excluded_reason"])

# %% [markdown]
# ## Any days
#
# A storm, a heat wave: `leaderboard_of_days` sums daily figures and ranks them by the rules of a month.

# %%
best = board.column("battery")[0]
best_day = results.best_days(best, year, count=1).column("operating_day")[0]
on_that_day = results.leaderboard_of_days(best_day, best_day, top=3)
print("best day of", best, "was", best_day)
print([(row["battery"], round(row["total_usd"])) for row in on_that_day.records() if row["total_usd"] is not None])

# %% [markdown]
# ## How it was earned
#
# By stream and month; a null is unknown, never zero, and the coverages say how much of the month is known.

# %%
stack = results.product_stack(best, by="month", year=year).to_pandas()
print(
    stack[["month", "da_energy_usd", "rt_energy_usd", "as_usd", "total_usd", "energy_coverage"]]
    .round(2)
    .to_string(index=False)
)

# %% [markdown]
# ## The fleet, two batteries side by side, a node

# %%
fleet = results.fleet(by="month", year=year).to_pandas()
print(
    fleet[["month", "batteries", "batteries_ranked", "usd_per_kw_month", "ranked_total_usd"]]
    .round(2)
    .to_string(index=False)
)

two = results.compare(board.column("battery")[:2], year)
print(list(zip(two.column("battery"), two.column("cycles_per_day"), two.column("tb2_capture"), strict=True)))

node = board.column("settlement_point")[0]
for row in results.node_prices([node], by="year", year=year).records():
    print(node, "TB2 $/MW a day:", row["tb2_usd_per_mw"], "share of negative prices:", row["rt_negative_share"])

# %% [markdown]
# ## SQL
#
# `query` answers one SELECT over views of all tables, read-only and with a timeout; `stream` hands out the rows of large answers bit by bit.

# %%
answer = results.query(
    "SELECT year, count(rank) AS ranked, sum(total_usd) AS usd FROM leaderboard GROUP BY year ORDER BY year"
)
print(answer.records())
print(results.cache_info())
results.close()

# %% [markdown]
# ## DuckDB straight on the Parquet
#
# Every table is plain files, `<results>/<table>/<year>.parquet`. The ledgers have one row group a battery, so that one battery is read without the others:
# here each quarter-hour of the best day, which adds up to the figure above.

# %%
folder = Path(results.folder)
with duckdb.connect() as db:
    ledger = db.execute(
        "SELECT interval_start, da_usd, rt_usd, energy_usd FROM read_parquet(?) WHERE battery = ? AND operating_day = ? ORDER BY interval_start",
        [str(folder / "energy_revenue" / f"{year}.parquet"), best, best_day],
    ).fetchall()
known = [energy for *_, energy in ledger if energy is not None]
of_day = results.battery_days(best, best_day, best_day).records()[0]
print(f"{len(known)} of {len(ledger)} quarter-hours known")
print(f"energy of the day: {sum(known):.2f} $ in the ledger, {of_day['energy_usd']:.2f} $ in daily_revenue")
results.close()
