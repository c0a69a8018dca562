"""The jobs: fetching, one year, the merging of all years, and three that verify one; and their schedules, in Central time.

Each job runs in one process, which holds the year's lock.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import dagster as dg

from bess_assets.assets.checks import data_are_as_recent_as_ercot_discloses, matches_csv
from bess_assets.assets.data import ercot_reports
from bess_assets.assets.resources import Warehouse, operating_years, partition_exists
from bess_assets.automation.runs import is_at_work, refresh_request
from bess_assets.checks.freshness import board_dates, is_due, is_final
from bess_assets.ercot.calendar import CENTRAL
from bess_assets.run import MERGES
from bess_assets.settings import Settings
from bess_assets.store.status import new_reports, plan_year, years_available, years_known

_reports = dg.AssetSelection.assets(ercot_reports)
_merged = dg.AssetSelection.assets(*MERGES)
_second_settlement = dg.AssetSelection.checks(matches_csv)
_freshness = dg.AssetSelection.checks(data_are_as_recent_as_ercot_discloses)

# A process for each step takes four times as long. A run whose process died begins anew: what it has registered went with it.
_job = partial(dg.define_asset_job, executor_def=dg.in_process_executor, tags={"dagster/retry_strategy": "ALL_STEPS"})
# A job takes its partitions from its assets; that of a check alone has none.
_of_a_year = dg.PartitionedConfig(partitions_def=operating_years, run_config_for_partition_key_fn=lambda _year: {})

refresh_year = _job(
    "refresh_year",
    selection=dg.AssetSelection.all() - _reports - _merged - _second_settlement - _freshness,
    description="One year: registers or builds its rollups, then every table from the registry to the leaderboards.",
)
merge_years = _job("merge_years", selection=_merged, description="Merges the tables of all years that there are.")
verify_year = _job(
    "verify_year",
    selection=dg.AssetSelection.all() - _reports - _merged - _freshness,
    description="One year from its rollups once more, every table and every check, the second settlement from CSV reports included. "
    "The same inputs give the same bytes: what differs becomes a new edition.",
)
validate_year = _job(
    "validate_year",
    selection=_second_settlement,
    config=_of_a_year,
    description="Settles a refreshed year a second time, straight from ERCOT's CSV reports, and compares. Reads everything again: it takes long.",
)
check_freshness = _job(
    "check_freshness",
    selection=_freshness,
    config=_of_a_year,
    description="Says whether a year's data reach the day that ERCOT must have disclosed by now.",
)
fetch_reports = _job(
    "fetch_reports",
    selection=_reports,
    description="Fetches the ERCOT reports that a year needs and that are not there, where `BESS_FETCH` is on. The sensor sees what came.",
)
JOBS = [fetch_reports, refresh_year, merge_years, verify_year, validate_year, check_freshness]

Asked = dg.RunRequest | dg.SkipReason | list[dg.RunRequest]


def refresh_unless_busy(settings: Settings, instance: dg.DagsterInstance, year: int, moment: datetime) -> Asked:
    """A request to refresh what of a year has changed or is missing, or why there is none."""
    news = new_reports(settings)
    if year not in years_available(settings, news):
        return dg.SkipReason(f"{year} has neither rollups nor reports yet")
    if is_at_work(instance, settings, year):
        return dg.SkipReason(f"another run is at work on {year} already")
    request = refresh_request(settings, plan_year(settings, year, news), f"{moment:%Y-%m-%d} ")
    return request or dg.SkipReason(f"nothing of {year} has changed")


def fetch_daily(settings: Settings, instance: dg.DagsterInstance, moment: datetime) -> Asked:
    """Fetches the reports of the current year, and of the year before until it is final; an hour before the refresh."""
    if not settings.fetch:
        return dg.SkipReason("fetching is off: set ERCOT's credentials, or BESS_FETCH=on")
    last = moment.year - 1
    years = [moment.year, *([last] if last in years_known(settings) and not is_final(settings, last) else [])]
    return [
        dg.RunRequest(run_key=f"fetching on {moment:%Y-%m-%d} {year}", partition_key=str(year))
        for year in years
        if not is_at_work(instance, settings, year)
    ] or dg.SkipReason("another run is at work on these years")


def current_year_daily(settings: Settings, instance: dg.DagsterInstance, moment: datetime) -> Asked:
    """The current year, after ERCOT's postings of the night: what has changed or is missing."""
    return refresh_unless_busy(settings, instance, moment.year, moment)


def previous_year_weekly_until_final(settings: Settings, instance: dg.DagsterInstance, moment: datetime) -> Asked:
    """The year before, every Monday until the disclosure of its last days is there (early March)."""
    year = moment.year - 1
    if is_final(settings, year):
        return dg.SkipReason(f"{year} is final: its data go beyond 31 December. A restated file is seen by the sensor")
    return refresh_unless_busy(settings, instance, year, moment)


def freshness_daily(settings: Settings, _instance: dg.DagsterInstance, moment: datetime) -> Asked:
    """Whether the data reach the day that ERCOT must have disclosed by now; three quarters of an hour after the refresh."""
    this, last = moment.year, moment.year - 1
    has_board = board_dates(settings, this) is not None
    if not has_board and not board_dates(settings, last):
        return dg.SkipReason(f"neither {this} nor {last} was ever refreshed")
    # until a day of the year is due, or there, the year before is checked
    year = this if has_board or is_due(this, moment.date()) else last
    return dg.RunRequest(run_key=f"freshness on {moment:%Y-%m-%d}", partition_key=str(year))


def full_verification_yearly(settings: Settings, _instance: dg.DagsterInstance, moment: datetime) -> Asked:
    """On 15 March, with the year before final: every year from its inputs once more, with every check."""
    return [
        dg.RunRequest(run_key=f"verification of {moment:%Y} {year}", partition_key=str(year))
        for year in years_available(settings)
        if partition_exists(year)
    ] or dg.SkipReason("no year has rollups or reports")


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """All schedules; the settings say whether they start switched on (`BESS_AUTOMATION`), and when the day's refresh is (`BESS_DAILY_AT`)."""
    status = dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED
    hour, minute = settings.daily_at
    later = f"{(minute + 45) % 60} {(hour + (minute + 45) // 60) % 24} * * *"

    def schedule(ask: Callable[..., Asked], job: Any, cron: str) -> dg.ScheduleDefinition:
        @dg.schedule(
            name=ask.__name__,
            target=job,
            cron_schedule=cron,
            execution_timezone="America/Chicago",
            default_status=status,
            description=ask.__doc__,
        )
        def scheduled(context: dg.ScheduleEvaluationContext, warehouse: Warehouse) -> Asked:
            moment = context.scheduled_execution_time.astimezone(CENTRAL)
            return ask(warehouse.settings_of_all_years(), context.instance, moment)

        return scheduled

    return [
        schedule(fetch_daily, fetch_reports, f"{minute} {(hour - 1) % 24} * * *"),
        schedule(current_year_daily, refresh_year, f"{minute} {hour} * * *"),
        schedule(previous_year_weekly_until_final, refresh_year, f"{minute} {hour} * * 1"),
        schedule(freshness_daily, check_freshness, later),
        schedule(full_verification_yearly, verify_year, "0 3 15 3 *"),
    ]
