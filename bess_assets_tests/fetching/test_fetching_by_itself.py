"""Reports that Dagster fetches, and what the sensor makes of documents posted later; what a large fetch takes."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from bess_assets.automation.sensors import look, plain_reason
from bess_assets.definitions import build_defs
from bess_assets.refresh import open_instance, refresh_years
from bess_assets.settings import Settings
from bess_assets.store.fetching import fetch
from bess_assets.store.paths import recorded_years
from bess_assets.store.roll_up import roll_up_reports
from bess_assets_tests.ercot.report_samples import MCPC
from bess_assets_tests.ercot_server import Faults, Posted, zipped
from bess_assets_tests.fetching.conftest import YEARS, Market

ROOT = Path(__file__).resolve().parents[2]


def materialize(settings: Settings, year: int) -> dict[str, object]:
    """What the asset of the reports shows of a year after it was materialized."""
    with open_instance(settings) as instance:
        job = build_defs(settings).resolve_job_def("fetch_reports")
        assert job.execute_in_process(instance=instance, partition_key=str(year)).success
        records = dg.AssetRecordsFilter(asset_key=dg.AssetKey("ercot_reports"), asset_partitions=[str(year)])
        (record,) = instance.fetch_materializations(records, limit=1).records
        return {name: value.value for name, value in record.asset_materialization.metadata.items()}


@pytest.mark.slow
def test_the_asset_of_the_reports_fetches_where_it_may_and_shows_what_is_there(market: Market, served, settings_here):
    documents = market.of("NP4-188-CD", "NP3-966-ER")
    with served(documents) as server:
        settings = replace(settings_here(), fetch=False)
        assert materialize(settings, 2026)["documents"] == 0
        assert server.requests == []
        shown = materialize(replace(settings, fetch=True), 2026)
    needed = [d for d in documents if d.number in server.downloads]
    assert shown["documents"] == len(needed) > 20
    assert shown["bytes"] == sum(len(d.content) for d in needed)
    assert shown["last posted"] == f"{max(d.posted for d in needed):%Y-%m-%d %H:%M}"
    assert shown["missing days"] > 500
    assert "| NP4-188-CD | DAM Clearing Prices for Capacity |" in str(shown["reports"])
    assert recorded_years(settings.results) == [], "a year of which only reports were fetched was not refreshed"


@pytest.mark.slow
def test_a_run_in_which_a_report_could_not_be_fetched_fails_with_its_name_and_what_came_is_there(
    market: Market, served, settings_here
):
    documents = market.of("NP4-188-CD")
    with served(documents, Faults(renamed=frozenset({"NP4-181-ER"}))):
        settings = replace(settings_here(), fetch=True)
        with open_instance(settings) as instance:
            job = build_defs(settings).resolve_job_def("fetch_reports")
            done = job.execute_in_process(instance=instance, partition_key="2026", raise_on_error=False)
    assert not done.success
    (event,) = [event for event in done.all_node_events if event.is_step_failure]
    assert "ERCOT has no report NP4-181-ER" in plain_reason(event.step_failure_data.error)
    assert (
        event.step_failure_data.user_failure_data.metadata["documents"].value
        == len(list(settings.reports.glob("*/*/*.zip")))
        > 0
    )


def restated(document: Posted, number: int, posted: datetime, name: str) -> Posted:
    """A document of another time and name, with the rows of a day at another price."""
    day = document.posted.date() + timedelta(days=1)
    rows = [f"{day:%m/%d/%Y},{hour:02d}:00,REGUP,77,N" for hour in range(1, 25)]
    return Posted(document.emil, number, name, posted, zipped({"as.csv": "\n".join([MCPC, *rows, ""]).encode()}))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_restatement_and_a_supplement_posted_later_change_exactly_their_years_within_two_looks(
    market, served, settings_here
):
    def fetched_and_looked_at() -> set[str]:
        fetch(settings, YEARS)
        with open_instance(settings) as instance:
            found = look(settings, instance, look(settings, instance, None).cursor)
            for request in found.run_requests or ():
                for outcome in refresh_years(settings, [int(str(request.partition_key))], "changed"):
                    assert outcome.ok, outcome.errors
            return {str(request.partition_key) for request in found.run_requests or ()}

    def prices(year: int) -> Posted:
        return next(
            d for d in market.of("NP4-188-CD") if (d.posted + timedelta(days=1)).year == year and d.posted.day == 7
        )

    with served(market.documents) as server:
        settings = settings_here()
        fetch(settings, YEARS)
        roll_up_reports(settings)
        assert all(outcome.ok for outcome in refresh_years(settings, YEARS))
        assert fetched_and_looked_at() == set()
        server.documents.append(restated(prices(2025), 5, datetime(2026, 1, 5, 9), "DAMCPCNP4188_csv"))
        assert fetched_and_looked_at() == {"2025"}
        server.documents.append(restated(prices(2026), 6, datetime(2026, 9, 9, 9), "Supplemental_DAMCPCNP4188_csv"))
        assert fetched_and_looked_at() == {"2026"}
        assert fetched_and_looked_at() == set()


MEASURED = """
import re, sys, time
from pathlib import Path
from bess_assets.settings import load_settings
from bess_assets.store.fetching import fetch
before = time.process_time()
done = fetch(load_settings(sys.argv[1]), [2026], ["sced_as_prices"], dry_run=sys.argv[2] == "list")
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
print(sum(len(need.lacking) for need in done.needs), time.process_time() - before, peak)
"""


def measured(settings: Settings, what: str) -> tuple[int, float, int]:
    """Documents, seconds of processor time and MB of memory of a fetch in a process of its own."""
    command = [sys.executable, "-c", MEASURED, str(settings.home), what]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    documents, seconds, memory = done.stdout.split()
    return int(documents), float(seconds), int(memory)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(900)
def test_a_hundred_thousand_documents_are_listed_in_a_minute_of_processor_time_and_300_mb(served, settings_here):
    first, content = datetime(2026, 1, 1, 1), zipped({"a.csv": b"x"})
    documents = [
        Posted("NP6-332-CD", 10_000 + n, "SCEDMCPCNP6332_csv", first + timedelta(minutes=4 * n, seconds=19), content)
        for n in range(100_000, 0, -1)
        if first + timedelta(minutes=4 * n) < datetime.now()
    ]
    with served(documents, Faults(shown_days=7), minute=0.05):
        count, seconds, memory = measured(settings_here(), "list")
    print(f"{count:,} documents listed: {seconds:.1f} s of processor time, {memory} MB")
    assert count == len(documents) > 99_000
    assert seconds < 60
    assert memory < 300


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_fetch_of_gigabytes_takes_less_than_300_mb(served, settings_here):
    day = zipped({"a.csv": os.urandom(120 * 10**6)})
    documents = [Posted("NP6-332-CD", 10 + n, "SCEDMCPCNP6332_csv", datetime(2026, 1, 5 + n), day) for n in range(9)]
    with served(documents):
        count, _, memory = measured(settings_here(), "fetch")
    print(f"{count} documents of 120 MB: {memory} MB")
    assert count == len(documents)
    assert memory < 300
