"""Schedules: the current year every day, the previous one every week until it is final, everything once a year. All in Central time.

Belongs here: when a plan is asked for though no file has changed, and of which years.
Does not: what is due (store/status.py, checks/freshness.py), how a request is put (requests.py).
"""

from datetime import datetime

import dagster as dg

from bess_assets.assets.partitions import partition_exists
from bess_assets.assets.resources import Warehouse
from bess_assets.automation.jobs import check_freshness, refresh_year, verify_year
from bess_assets.automation.requests import refresh_request, years_at_work
from bess_assets.checks.freshness import CENTRAL, board_dates, is_due, is_final
from bess_assets.settings import Settings
from bess_assets.store.locks import year_is_busy
from bess_assets.store.status import new_reports, plan_year, years_available

TIME_ZONE = "America/Chicago"

Asked = dg.RunRequest | dg.SkipReason


def refresh_unless_busy(settings: Settings, instance: dg.DagsterInstance, year: int, moment: datetime) -> Asked:
    """A request to refresh what of a year has changed or is missing, or why there is none."""
    news = new_reports(settings)
    if year not in years_available(settings, news):
        return dg.SkipReason(f"{year} has neither rollups nor reports yet")
    if year in years_at_work(instance) or year_is_busy(settings, year):
        return dg.SkipReason(f"somebody is at work on {year} already")
    request = refresh_request(settings, plan_year(settings, year, news), "changed", f"{moment:%Y-%m-%d} ")
    return request or dg.SkipReason(f"nothing of {year} has changed")


def refresh_until_final(settings: Settings, instance: dg.DagsterInstance, year: int, moment: datetime) -> Asked:
    """The same for a year that is over, until the 60-day data of its last days are there."""
    if is_final(settings, year):
        return dg.SkipReason(f"{year} is final: its data go beyond 31 December. A restated file is seen by the sensor")
    return refresh_unless_busy(settings, instance, year, moment)


def verification_requests(settings: Settings, moment: datetime) -> list[dg.RunRequest]:
    """Requests to make every year anew from its inputs, one run a year."""
    return [
        dg.RunRequest(run_key=f"verification of {moment:%Y} {year}", partition_key=str(year))
        for year in years_available(settings)
        if partition_exists(year)
    ]


def freshness_request(settings: Settings, moment: datetime) -> Asked:
    """A request to check how recent the data are, of the current year or, until a day of it is due, of the one before."""
    years = (moment.year, moment.year - 1)
    if not any(board_dates(settings, year) for year in years):
        return dg.SkipReason(f"neither {years[0]} nor {years[1]} was ever refreshed")
    due = is_due(moment.year, moment.date())
    year = moment.year if due or board_dates(settings, moment.year) else moment.year - 1
    return dg.RunRequest(run_key=f"freshness on {moment:%Y-%m-%d}", partition_key=str(year))


def _moment(context: dg.ScheduleEvaluationContext) -> datetime:
    return context.scheduled_execution_time.astimezone(CENTRAL)


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """All schedules.

    Args:
        settings: whether they start switched on (`BESS_AUTOMATION`), and when the day's refresh is.
    """
    status = dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED
    hour, minute = settings.daily_at

    @dg.schedule(
        name="current_year_daily",
        target=refresh_year,
        cron_schedule=f"{minute} {hour} * * *",
        execution_timezone=TIME_ZONE,
        default_status=status,
        description="The current year, after ERCOT's postings of the night: what has changed or is missing.",
    )
    def current_year_daily(context: dg.ScheduleEvaluationContext, warehouse: Warehouse) -> Asked:
        moment = _moment(context)
        return refresh_unless_busy(warehouse.settings(), context.instance, moment.year, moment)

    @dg.schedule(
        name="previous_year_weekly_until_final",
        target=refresh_year,
        cron_schedule=f"{minute} {hour} * * 1",
        execution_timezone=TIME_ZONE,
        default_status=status,
        description="The year before, every Monday until the disclosure of its last days is there (early March).",
    )
    def previous_year_weekly(context: dg.ScheduleEvaluationContext, warehouse: Warehouse) -> Asked:
        moment = _moment(context)
        return refresh_until_final(warehouse.settings(), context.instance, moment.year - 1, moment)

    @dg.schedule(
        name="freshness_daily",
        target=check_freshness,
        cron_schedule=f"{(minute + 45) % 60} {(hour + (minute + 45) // 60) % 24} * * *",
        execution_timezone=TIME_ZONE,
        default_status=status,
        description="Whether the data reach the day that ERCOT must have disclosed by now; three quarters of an hour after the refresh.",
    )
    def freshness_daily(context: dg.ScheduleEvaluationContext, warehouse: Warehouse) -> Asked:
        return freshness_request(warehouse.settings(), _moment(context))

    @dg.schedule(
        name="full_verification_yearly",
        target=verify_year,
        cron_schedule="0 3 15 3 *",
        execution_timezone=TIME_ZONE,
        default_status=status,
        description="On 15 March, with the year before final: every year from its inputs once more, with every check.",
    )
    def full_verification(
        context: dg.ScheduleEvaluationContext, warehouse: Warehouse
    ) -> list[dg.RunRequest] | dg.SkipReason:
        requests = verification_requests(warehouse.settings(), _moment(context))
        return requests or dg.SkipReason("no year has rollups or reports")

    return [current_year_daily, previous_year_weekly, freshness_daily, full_verification]
