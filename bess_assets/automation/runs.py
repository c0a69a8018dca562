"""The runs of a year: the one that is due, with a key that Dagster takes once; those at work; and dead ones, which a killed process left unfinished.

Dagster does not see that a run is dead; the lock of its year shows it.
"""

import hashlib
import json
import logging
from collections.abc import Collection

import dagster as dg

from bess_assets.assets.data import ASSETS
from bess_assets.assets.resources import HOLDER_TAG, HOLDING_TAG, RESULTS_TAG
from bess_assets.errors import YearBusyError
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import fingerprint, stamp
from bess_assets.store.journal import input_files
from bess_assets.store.listing import MERGED
from bess_assets.store.locks import name_of_results, year_is_busy, year_lock
from bess_assets.store.paths import remove_stale_files
from bess_assets.store.status import YearPlan
from bess_assets.tables import EVERY_TABLE

PARTITION_TAG = "dagster/partition"
"""Dagster's own, on a run: the year."""

_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,  # recorded, and killed before its first event; a launched one holds no year yet
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_log = logging.getLogger(__name__)


def digest_of(value: object) -> str:
    """A digest of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def checks_with(assets: Collection[str]) -> list[dg.AssetCheckKey]:
    """The checks that a refresh of some assets runs: those that come with their tables and rollups, not the second settlement and freshness.

    A run that names its assets and not its checks would run every check of them.
    """
    made = [asset for asset in ASSETS if isinstance(asset, dg.AssetsDefinition)]
    return [key for asset in made for key in asset.check_keys if key.asset_key.path[-1] in assets]


def is_at_work(instance: dg.DagsterInstance, settings: Settings, year: int) -> bool:
    """Whether a run is queued or started for a year, however it was started, or a process holds the year."""
    of_year = dg.RunsFilter(tags={PARTITION_TAG: str(year)}, statuses=[dg.DagsterRunStatus.QUEUED, *_UNFINISHED])
    return year_is_busy(settings, year) or instance.get_runs_count(of_year) > 0


def refresh_request(settings: Settings, plan: YearPlan, asked_by: str = "") -> dg.RunRequest | None:
    """The run that makes what of a year has changed or is missing; None if nothing has.

    Its key is the digest of what the tables were made from before and of what they would be made from now. Dagster takes no key twice, so that a run that
    changed nothing, because a file cannot be read, is not repeated until a file changes. `asked_by` begins the key of what may be requested again in the
    same state.
    """
    if not (changed := plan.to_refresh("changed")):
        return None
    # The schemas are made of files that cannot be read too, and would give each try a key of its own.
    judged = [name for name in changed if EVERY_TABLE[name].group != "schemas"] or changed
    state: dict[str, object] = {
        f"reports/{file}": stamp(settings.reports / file) for files in plan.news.values() for file in files
    }
    for name in judged:
        entry = plan.record["tables"].get(name)
        state[name] = [entry["status"], entry["finished"], entry["digest"]] if entry else None
        for label, path in input_files(settings, plan.year, EVERY_TABLE[name]).items():
            state[label] = fingerprint(path)["digest"]
    selected = [*plan.datasets_of(changed), *changed]
    why = dict.fromkeys(reason for name in changed for reason in plan.tables[name].why)
    return dg.RunRequest(
        run_key=f"{asked_by}{plan.year}:{digest_of(state)}",
        partition_key=str(plan.year),
        asset_selection=[dg.AssetKey(name) for name in selected],
        asset_check_keys=checks_with(selected),
        tags={"bess/why": "; ".join(list(why)[:4])[:200]},
    )


def fail_dead_runs(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Mark as failed every run that says that it holds a year's lock and does not, and remove what it left half written.

    A run may be killed after its last table was made, when nothing else would ever come back to its year. A run that writes other results is left alone: the
    lock of its year lies beside those, perhaps on another machine.
    """
    ours = {RESULTS_TAG: name_of_results(settings)}

    def holding(**tags: str) -> list[dg.DagsterRun]:
        found = instance.get_runs(dg.RunsFilter(tags=ours | tags, statuses=_UNFINISHED))
        return [run for run in found if run.tags.get(HOLDER_TAG, run.run_id) == run.run_id]

    for tag in sorted({run.tags.get(HOLDING_TAG, "") for run in holding()}):
        if tag != MERGED and not tag.isdigit():
            continue
        year = None if tag == MERGED else int(tag)
        try:
            with year_lock(settings, year) as first:
                # asked again while the lock is held: a run that lives may have given the year back meanwhile
                dead = holding(**{HOLDING_TAG: tag}) if first else []
                for run in dead:
                    instance.report_run_failed(
                        run, "The process of this run is gone: it no longer holds the lock of its year."
                    )
                if dead:
                    remove_stale_files(settings, year)
        except YearBusyError:
            continue  # its process lives
        except OSError as error:
            # the files of one year must not hold up the others; the year's own refresh says what is wrong
            _log.warning("what a dead run on %s left could not be put in order: %s", tag, error)
