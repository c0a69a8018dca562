"""The checks of each result table, and their verdicts once it is written."""

from bess_assets.checks import attribution, comparisons, figures, index, ledgers, perfect, plausible, row_counts
from bess_assets.checks.check import CHANGES, COLUMNS, DOUBTFUL, FINDINGS, KEYS, SUMS, Check, Judged
from bess_assets.ercot.step import Cause, StepResult, Verdict
from bess_assets.errors import BessError
from bess_assets.settings import Settings
from bess_assets.settlement.award_checks import CAPACITY_CHECK, ENERGY_LIMITS_CHECK, LOAD_CHECK, MCPC_CHECK
from bess_assets.settlement.daily import STATED_PRICE_CHECK
from bess_assets.settlement.dispatch import METERED_CHECK, MOST_LONE_ZEROS, MOST_TIMES_CAPACITY, SIZE_CHECK, ZEROS_CHECK
from bess_assets.settlement.editions import FINAL_CHECK
from bess_assets.settlement.prices import QUARTERS_CHECK
from bess_assets.settlement.row_gaps import ROWS_CHECK
from bess_assets.settlement.state_of_charge import SOC_CHECK
from bess_assets.store.journal import CheckEntry
from bess_assets.tables import Table

# Checks of one table or a few, by table.
_OWN: dict[str, tuple[Check, ...]] = {
    "rollup_schemas": (COLUMNS, row_counts.ROW_COUNTS),
    "column_availability": (CHANGES,),
    "bess_awards": (
        ledgers.HOURS,
        Check(
            ENERGY_LIMITS_CHECK,
            "No day-ahead energy award lies outside LSL to HSL of its own row, by more than 0.05 MW. A warning: awards in status OUT and OFF are real.",
            "nothing, for a few hours; many hours of one resource mean that its limits or awards are not what they seem",
        ),
        Check(
            CAPACITY_CHECK,
            "Upward, or downward, ancillary awards of a generation or storage resource fit together between LSL and HSL of its own row, and none is negative. "
            "A warning: awards in status OUT and OFF are real.",
            "nothing, for a few hours; many hours of one resource mean that its limits or awards are not what they seem",
        ),
        Check(
            LOAD_CHECK,
            "No ancillary award of a load resource is negative, and upward, or downward, ones together do not exceed the maximum power consumption of its "
            "own row. A warning.",
            "nothing, for a few rows; many rows of one resource mean that its awards or its size have another unit or sign",
        ),
        Check(
            ROWS_CHECK,
            "No battery at work lacks day-ahead rows for over 24 hours in a row, in hours that the dataset holds. A warning: its award is unknown there.",
            "bring the day-ahead file again, whole",
        ),
        Check(
            MCPC_CHECK,
            "Clearing prices that day-ahead rows state agree with the published ones to a cent. A warning; files that state none pass.",
            "one of the two is an older edition: bring AS_prices and the day-ahead files of the named products again",
        ),
    ),
    "bess_dispatch": (
        ledgers.QUARTER_HOURS,
        Check(
            SIZE_CHECK,
            f"No quarter-hour's energy is above {MOST_TIMES_CAPACITY:g} times the battery's capacity, no real-time award is negative or above twice that, and "
            "flow and awards together are seldom above it. A warning: beyond it a unit, a sign or a name is wrong.",
            "look at the units of the named batteries' telemetry and at their capacity; bring the file again or correct the battery table",
        ),
        Check(
            ZEROS_CHECK,
            f"Of the readings of a storage resource at work at most {MOST_LONE_ZEROS:.0%} are a 0 between two that are none, and so of the fleet's "
            "real-time awards. A warning: zeros stand where readings were lost.",
            "bring the SCED files again: blank is unknown, 0 is not",
        ),
        Check(
            METERED_CHECK,
            "Where settlement metering and telemetry both say what a battery discharged, they agree within a fifth over the year. A warning: the metered "
            "one is used.",
            "look at the unit and the sign of both files; bring the wrong one again",
        ),
        Check(
            SOC_CHECK,
            "In every month, a MWh charged raises a battery's state of charge by 0.8 to 1.3 MWh and a MWh discharged lowers it by as much, jumps left out. "
            "A warning: beyond it a sign or a unit is wrong, or flows are missing. Files without State of Charge pass.",
            "look at the signs and units of the named battery's telemetry, and for days that lack its charging; bring the file again",
        ),
    ),
    "bess_prices": (
        ledgers.QUARTER_HOURS,
        Check(
            QUARTERS_CHECK,
            "Each settlement point's real-time price moves within the hour in at least a tenth of a week's hours or more. A warning: else hourly prices stand "
            "in the place of those of quarter-hours.",
            "bring RT_prices again, by quarter-hour",
        ),
    ),
    "dam_awards_daily": (
        Check(
            STATED_PRICE_CHECK,
            "Settlement prices that day-ahead rows state agree with those of the price file to a cent. A warning; files that state none pass.",
            "one of the two is an older edition, or your battery table names another node than the rows do",
        ),
    ),
    "rt_dispatch_daily": (plausible.DISCHARGES,),
    "price_daily": (plausible.STILL,),
    "energy_revenue": (ledgers.QUARTER_HOURS, plausible.FOLLOWED),
    "as_revenue": (ledgers.HOURS,),
    "daily_revenue": (figures.PRICED, comparisons.AGREE),
    "leaderboard": (ledgers.LEDGERS, figures.COVERED, figures.OUTLIERS, figures.PUBLISHED),
    "leaderboard_monthly": (figures.PUBLISHED,),
    "index": (index.AVERAGE,),
    "attribution": (attribution.SUMMED,),
    "perfect_daily": (perfect.BELOW,),
    "what_changed": (
        Check(
            FINAL_CHECK,
            "No figure of a year moved after the year was final. A warning: it names the batteries that moved, by how much, and because of which input. "
            "It holds until the next edition.",
            "`bess changes YEAR` shows every battery that moved; readers who quoted the earlier edition may want to know",
        ),
    ),
}


def checks_of(table: Table) -> list[Check]:
    """The checks reported with a table, in the order shown."""
    return [KEYS, *([SUMS] if table.sums else []), FINDINGS, *_OWN.get(table.name, ())]


def judge_table(settings: Settings, year: int | None, table: Table, result: StepResult, rows: int) -> list[CheckEntry]:
    """The verdict of each check of a table that was just written, as entries of the run record."""
    judged, entries = Judged(settings, year or 0, table, rows, result), list[CheckEntry]()
    for check in checks_of(table):
        try:
            verdict = check.verdict(judged)
        except BessError as error:  # a table that cannot be examined has not passed; it is written all the same
            verdict = Verdict(passed=False, detail=f"could not be judged: {error.problem}")
        entry = CheckEntry(
            name=check.name,
            passed=verdict.passed,
            blocking=check.blocking,
            detail=verdict.detail,
            numbers=dict(verdict.numbers),
        )
        if not verdict.passed:
            known = verdict.causes or [
                Cause(f"{table.name}: {verdict.detail}", check.remedy, verdict.share or DOUBTFUL)
            ]
            entry["causes"] = [cause._asdict() for cause in known]
        entries.append(entry)
    return entries
