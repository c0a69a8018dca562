"""Schedules, in Central time: the current year every day, the year before every week until it is final, freshness every day, everything once a year."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import dagster as dg

from bess_assets.assets.partitions import partition_exists
from bess_assets.assets.resources import Warehouse
from bess_assets.automation.jobs import check_freshness, refresh_year, verify_year
from bess_assets.automation.runs import refresh_request, years_at_work
from bess_assets.checks.freshness import CENTRAL, board_dates, is_due, is_final
from bess_assets.settings import Settings
from bess_assets.store.locks import year_is_busy
from bess_assets.store.status import new_reports, plan_year, years_available

TIME_ZONE = "America/Chicago"

Asked = dg.RunRequest | dg.SkipReason
Ask = Callable[[Settings, dg.DagsterInstance, datetime], Asked | list[dg.RunRequest]]
Job = Any  # Dagster does not publish the class of its asset jobs


def refresh_unless_busy(settings: Settings, instance: dg.DagsterInstance, year: int, moment: datetime) -> Asked:
    """A request to refresh what of a year has changed or is missing, or why there is none."""
    news = new_reports(settings)
    if year not in years_available(settings, news):
        return dg.SkipReason(f"{year} has neither rollups nor reports yet")
    if year in years_at_work(instance) or year_is_busy(settings, year):
        return dg.SkipReason(f"another run is at work on {year} already")
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


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """All schedules; the settings say whether they start switched on (`BESS_AUTOMATION`), and when the day's refresh is (`BESS_DAILY_AT`)."""
    status = dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED
    hour, minute = settings.daily_at
    daily = f"{minute} {hour} * * "
    later = f"{(minute + 45) % 60} {(hour + (minute + 45) // 60) % 24} * * *"
    table: list[tuple[str, Job, str, Ask, str]] = [
        (
            "current_year_daily",
            refresh_year,
            f"{daily}*",
            lambda now, instance, at: refresh_unless_busy(now, instance, at.year, at),
            "The current year, after ERCOT's postings of the night: what has changed or is missing.",
        ),
        (
            "previous_year_weekly_until_final",
            refresh_year,
            f"{daily}1",
            lambda now, instance, at: refresh_until_final(now, instance, at.year - 1, at),
            "The year before, every Monday until the disclosure of its last days is there (early March).",
        ),
        (
            "freshness_daily",
            check_freshness,
            later,
            lambda now, _instance, at: freshness_request(now, at),
            "Whether the data reach the day that ERCOT must have disclosed by now; three quarters of an hour after the refresh.",
        ),
        (
            "full_verification_yearly",
            verify_year,
            "0 3 15 3 *",
            lambda now, _instance, at: (
                verification_requests(now, at) or dg.SkipReason("no year has rollups or reports")
            ),
            "On 15 March, with the year before final: every year from its inputs once more, with every check.",
        ),
    ]
    return [_schedule(name, job, cron, ask, text, status) for name, job, cron, ask, text in table]


def _schedule(
    name: str, job: Job, cron: str, ask: Ask, description: str, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        target=job,
        cron_schedule=cron,
        execution_timezone=TIME_ZONE,
        default_status=status,
        description=description,
    )
    def scheduled(context: dg.ScheduleEvaluationContext, warehouse: Warehouse) -> Asked | list[dg.RunRequest]:
        moment = context.scheduled_execution_time.astimezone(CENTRAL)
        return ask(warehouse.settings(), context.instance, moment)

    return scheduled
