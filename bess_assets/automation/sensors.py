"""Sensors: refresh the years whose files have changed, merge the years after a refresh, raise alarms of failed runs.

An alarm is a line of JSON in a log file, posted to a webhook if one is set.
"""

import json
import logging
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any

import dagster as dg

from bess_assets.assets.resources import Warehouse, partition_exists
from bess_assets.automation.jobs import merge_years, refresh_year
from bess_assets.automation.runs import PARTITION_TAG, digest_of, fail_dead_runs, is_at_work, refresh_request
from bess_assets.errors import BessError
from bess_assets.run import MERGES
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import stamp
from bess_assets.store.journal import input_files, table_inputs
from bess_assets.store.locks import is_fetching
from bess_assets.store.status import new_reports, plan_year, years_known
from bess_assets.tables import ROLLUP_SCHEMAS, TABLES

STARTED_BY_TAG = "bess/started_by"
"""On runs that this package starts itself: `bess refresh` merges the years at its end, so no sensor needs to."""

# Seconds between two looks at the files. A year is refreshed once its files are the same at two looks in a row: half-written ones wait.
_LOOK_EVERY_SECONDS = 30

_log = logging.getLogger(__name__)


def look(settings: Settings, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    """Look at all files once, and request the years whose files have changed and are the same as at the look before, whose cursor is given.

    A year that a run is queued or started for is left alone, and all years are while reports are fetched.
    Files that are newly gone or damaged, or new and cannot be opened, raise an alarm.
    """
    if is_fetching(settings):
        return dg.SensorResult(skip_reason=dg.SkipReason("reports are being fetched: their years wait"), cursor=cursor)
    memory: Mapping[str, Any] = json.loads(cursor) if cursor else {}
    requests, waiting, seen = list[dg.RunRequest](), list[str](), list[str]()
    news = new_reports(settings)
    fail_dead_runs(instance, settings)
    gone = {f"reports/{name}" for name in news.gone}
    gone |= {f"reports/{name} (there, but it cannot be opened)" for name in news.unreadable}
    for year in filter(partition_exists, years_known(settings, news)):
        try:
            plan = plan_year(settings, year, news)
            gone |= {f"{year}: {name}" for name in (*plan.gone, *plan.damaged)}
            waiting += [f"{year}: {name} is gone" for name in plan.gone]
            request = refresh_request(settings, plan)
            files = [stamp(path) for path in input_files(settings, year, ROLLUP_SCHEMAS).values()]
        except (BessError, OSError) as error:
            waiting.append(f"{year}: {error}")
            continue
        if request is None:
            continue
        if is_at_work(instance, settings, year):
            waiting.append(f"{year}: another run is at work on it")
        elif (mark := digest_of([request.run_key, files])) in memory.get("seen", []):
            requests.append(request)
        else:
            seen.append(mark)
            waiting.append(f"{year}: its files are new, and are looked at once more")
    if lost := sorted(gone - set(memory.get("gone", []))):
        raise_alarm(
            settings,
            f"{len(lost)} {'file is' if len(lost) == 1 else 'files are'} gone, damaged or cannot be opened.",
            {
                "files": ", ".join(lost),
                "what now": "The results stay as they were. Put the files back, or settle the year without them: bess refresh YEAR. "
                "What is damaged: bess refresh --only failed. bess rollup says what is wrong with a report.",
            },
        )
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else dg.SkipReason("; ".join(waiting) or "nothing has changed"),
        cursor=json.dumps({"seen": seen, "gone": sorted(gone)}, sort_keys=True),
    )


def merge_request(settings: Settings) -> dg.RunRequest | dg.SkipReason:
    """The run that merges the years, unless it would change nothing.

    Its key is the digest of the years' files and of the merge before; Dagster takes no key twice, so that a change is merged once.
    """
    merged = plan_year(settings, None)
    if merged.state == "present":
        return dg.SkipReason("the merged tables are those of the years that there are")
    files = [table_inputs(settings, None, TABLES[name], merged.record) for name in MERGES]
    before = {name: entry["finished"] for name, entry in merged.record["tables"].items()}
    return dg.RunRequest(run_key=digest_of([files, before]))


def raise_alarm(settings: Settings, title: str, details: Mapping[str, str]) -> None:
    """Append an alarm to the log file, one line of JSON, and post it to the webhook.

    The posted text, the title and the details by name, is under `text`, where chat services look for it, with the details beside it. A failed post
    raises nothing; the file says so.
    """
    entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "alarm": title, **details}
    if settings.webhook:
        entry["posted"] = _post(settings.webhook, title, details)
    settings.alarms.parent.mkdir(parents=True, exist_ok=True)
    with settings.alarms.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    _log.error("%s %s", title, "; ".join(f"{name}: {text}" for name, text in details.items()))


def _post(address: str, title: str, details: Mapping[str, str]) -> str:
    body = {"text": "\n".join([title, *(f"{name}: {text}" for name, text in details.items())]), **details}
    request = urllib.request.Request(  # noqa: S310  the address was checked when it was read: http or https
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  the same
            return f"yes, answered {answer.status}"
    except (OSError, ValueError, HTTPException) as error:  # refusals, slow connections and HTTP statuses are OSErrors
        _log.warning("the webhook did not take an alarm: %s", error)
        return f"no: {error}"


def plain_reason(error: Any) -> str:
    """The words of the outermost error of this package; where there is none, those of the innermost error.

    Args:
        error: as Dagster records it, with its `message` and its `cause`; or None.
    """
    message = ""
    while error:
        message = error.message.strip()
        if message.startswith("bess_assets.errors."):
            return str(message.split(": ", 1)[1])
        error = error.cause
    return message or "no reason was given"


def sensors(*, running: bool) -> list[dg.SensorDefinition]:
    """All sensors, switched on from the start or not (`BESS_AUTOMATION`)."""
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name="refresh_changed_years",
        job=refresh_year,
        minimum_interval_seconds=_LOOK_EVERY_SECONDS,
        default_status=status,
        description="Looks at rollups, reports and the battery table, and refreshes what new and changed files touch, each change once. "
        "A file that vanished is an alarm, and refreshes nothing.",
    )
    def refresh_changed_years(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SensorResult:
        return look(warehouse.settings_of_all_years(), context.instance, context.cursor)

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        request_job=merge_years,
        name="merge_years_after_a_refresh",
        default_status=status,
        minimum_interval_seconds=_LOOK_EVERY_SECONDS,
    )
    def merge_years_after_a_refresh(context: dg.RunStatusSensorContext, warehouse: Warehouse) -> Any:
        """Merges the years once one of them has been refreshed."""
        tags = context.dagster_run.tags
        # one that was started again from the UI inherits the tag
        if STARTED_BY_TAG in tags and not context.dagster_run.parent_run_id:
            return dg.SkipReason("bess refresh merges the years itself")
        if PARTITION_TAG not in tags:
            return dg.SkipReason("that run was on no year")
        return merge_request(warehouse.settings_of_all_years())

    @dg.run_failure_sensor(
        name="raise_an_alarm_for_failed_runs",
        default_status=status,
        minimum_interval_seconds=_LOOK_EVERY_SECONDS,
        description="Writes failed runs to <home>/logs/alarms.log, and posts them to BESS_WEBHOOK if it is set.",
    )
    def raise_an_alarm_for_failed_runs(context: dg.RunFailureSensorContext, warehouse: Warehouse) -> None:
        run, failures = context.dagster_run, context.get_step_failure_events()
        reasons = [plain_reason(event.step_failure_data.error) for event in failures]
        raise_alarm(
            warehouse.settings(),
            f"The run of {run.job_name} on {run.tags.get(PARTITION_TAG, 'all years')} failed.",
            {
                "run": run.run_id,
                "failed steps": ", ".join(str(event.step_key) for event in failures) or "none",
                "why": "\n".join(reasons or [context.failure_event.message or "no reason was given"]),
            },
        )

    return [refresh_changed_years, merge_years_after_a_refresh, raise_an_alarm_for_failed_runs]
