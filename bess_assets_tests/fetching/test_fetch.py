"""Reports fetched from a server of this machine that answers as ERCOT does: what comes, how often it is asked for, and what each refusal says."""

import json
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from bess_assets.cli import main
from bess_assets.ercot.publications import document_of
from bess_assets.errors import FetchError, InputError, RoomError, SettingsError, YearBusyError
from bess_assets.refresh import refresh_years
from bess_assets.settings import Settings, load_settings
from bess_assets.store.fetching import Quota, fetch, remove_rolled_up
from bess_assets.store.roll_up import roll_up_reports
from bess_assets.store.status import new_reports
from bess_assets_tests.ercot.report_samples import MCPC, RT_MCPC
from bess_assets_tests.ercot_server import MOST_ROWS, USER, Faults, Posted, Server, zipped
from bess_assets_tests.fetching.conftest import YEARS

ROOT = Path(__file__).resolve().parents[2]
AS = ["as_prices"]
NOT_ROWS = {"report", "published", "report_layout"}
"""Columns of a built rollup that say which file a row is from, and when that was posted."""


def mcpc(
    number: int, day: date, usd: float = 5.0, name: str = "DAMCPCNP4188_csv", posted: datetime | None = None
) -> Posted:
    """A document of the day-ahead clearing prices of a day, posted on the day before."""
    rows = [f"{day:%m/%d/%Y},{hour:02d}:00,REGUP,{usd},N" for hour in range(1, 25)]
    posted = posted or datetime(day.year, day.month, day.day, 12, 32) - timedelta(days=1)
    return Posted("NP4-188-CD", number, name, posted, zipped({"as.csv": "\n".join([MCPC, *rows, ""]).encode()}))


def days(first: date, count: int) -> list[Posted]:
    return [mcpc(500 + n, first + timedelta(days=n)) for n in range(count)]


def files(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.reports.rglob("*") if path.is_file() and path.name != "SIMULATED.json")


def numbers(settings: Settings) -> list[int]:
    return sorted(document.number for name in files(settings) if (document := document_of(name)))


def rows_of(settings: Settings) -> dict[str, object]:
    """Rows of every built rollup."""
    found = {}
    for path in sorted(settings.built.glob("*/*.parquet")):
        rows = pq.read_table(path)
        found[str(path.relative_to(settings.built))] = rows.select([c for c in rows.column_names if c not in NOT_ROWS])
    return found


# --- what comes
@pytest.mark.slow
def test_fetched_reports_give_the_same_rollup_rows_as_reports_placed_by_hand(market, served, settings_here, tmp_path):
    with served(market.documents) as server:
        settings = settings_here()
        done = fetch(settings, YEARS)
    assert (done.failed, done.problems, server.over_quota) == ([], [], 0)
    assert done.brought["documents"] == len(market.documents)
    assert set(server.downloads.values()) == {1}
    by_hand = load_settings(tmp_path / "by_hand", {"BESS_REPORTS": str(market.reports)})
    assert [roll_up_reports(home).refused for home in (settings, by_hand)] == [[], []]
    one, other = rows_of(settings), rows_of(by_hand)
    assert one.keys() == other.keys()
    assert len(one) > 20
    assert [name for name in one if not one[name].equals(other[name])] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_one_command_makes_of_an_empty_home_the_boards_and_editions_of_reports_placed_by_hand(market, served, tmp_path):
    runner = CliRunner()
    with served(market.documents):
        started = runner.invoke(
            main, ["--home", str(tmp_path / "home"), "start", "2025", "2026", "--no-open", "--keep-reports", "no"]
        )
    assert started.exit_code == 0, started.output
    assert f"Removed {len(market.documents)} report files" in started.output
    by_hand = load_settings(tmp_path / "by_hand", {"BESS_REPORTS": str(market.reports)})
    roll_up_reports(by_hand)
    for _ in refresh_years(by_hand, YEARS):
        pass
    results = [load_settings(tmp_path / "home").results, by_hand.results]
    for year in YEARS:
        assert f"leaderboard_{YEARS[-1]}.html" in started.output
        for board in ("leaderboard", "leaderboard_monthly"):
            one, other = ((folder / board / f"{year}.parquet").read_bytes() for folder in results)
            assert one == other
        history = [pq.read_table(folder / "leaderboard_history" / f"{year}.parquet") for folder in results]
        one, other = (
            rows.select(["edition_number", "battery", "rank", "total_usd", "board_digest"]) for rows in history
        )
        assert one.num_rows == 4
        assert one.equals(other)


@pytest.mark.slow
def test_a_list_of_several_pages_comes_whole_and_in_batches_of_a_thousand(served, settings_here):
    first = datetime(2026, 1, 1)
    quarters = [
        Posted(
            "NP6-331-CD",
            10_000 + n,
            "RTMCPCNP6331_csv",
            first + timedelta(minutes=15 * (n + 1), seconds=9),
            zipped({"a.csv": f"{RT_MCPC}\n{n}".encode()}),
        )
        for n in range(2 * MOST_ROWS + 300)
    ]
    with served(quarters) as server:
        settings = settings_here()
        done = fetch(settings, [2026], ["rt_as_prices"])
        assert done.failed == []
        assert numbers(settings) == [document.number for document in quarters]
        assert len(server.paths("np6-331-cd?")) == 3
        assert len(server.paths("np6-331-cd/download")) == 3


def test_a_year_that_is_there_is_listed_again_only_for_its_last_days_and_from_the_beginning_where_a_day_is_missing(
    served, settings_here
):
    whole = days(date(2024, 1, 1), 366)
    with served(whole) as server:
        settings = settings_here()
        fetch(settings, [2024], AS)
        fetch(settings, [2024], AS)
        lists = [path.split("From=")[1][:10] for path in server.paths("np4-188-cd?postDatetimeFrom")]
        assert lists[0] == "2023-12-30"
        assert lists[-1] > "2026"
        # the file of a day is gone, and the document is found and brought again
        next(settings.reports.rglob(f"*{whole[100].number:016d}*")).unlink()
        fetch(settings, [2024], AS)
        assert server.paths("np4-188-cd?postDatetimeFrom")[-1].split("From=")[1][:10] == "2023-12-30"
        assert numbers(settings) == [document.number for document in whole]


@pytest.mark.slow
def test_every_fault_at_once_costs_requests_and_no_document(market, served, settings_here):
    documents = market.of("NP4-188-CD", "NP4-190-CD")
    some = [document.number for document in documents]
    faults = Faults(
        cut=Counter({some[1]: 1, some[7]: 2}),
        spoiled=Counter({some[5]: 1, some[60]: 1}),
        missing=Counter({some[3]: 1, some[20]: 3}),
        broken_batches=1,
        empty_lists=1,
        too_many=frozenset({3, 4, 12}),
        fails=frozenset({6, 7}),
        token_uses=4,
    )
    with served(documents, faults, minute=0.4) as server:
        settings = settings_here()
        done = fetch(settings, YEARS, ["as_prices", "da_prices"])
    assert (done.failed, server.over_quota) == ([], 0)
    assert numbers(settings) == some
    assert len(server.tokens) > 2
    for path in settings.reports.rglob("*.zip"):
        with zipfile.ZipFile(path) as packed:
            assert packed.testzip() is None
    assert [path for path in settings.reports.rglob("*") if path.name.endswith(".tmp")] == []


def test_a_document_that_never_comes_whole_is_named_and_asked_for_alone_the_next_time(served, settings_here):
    documents = days(date(2025, 3, 1), 5)
    faults = Faults(cut=Counter({503: 99}))
    with served(documents, faults) as server:
        settings = settings_here()
        done = fetch(settings, [2025], AS)
        assert [(emil, document.number) for emil, document in done.failed] == [("NP4-188-CD", 503)]
        assert numbers(settings) == [500, 501, 502, 504]
        faults.cut.clear()
        before = Counter(server.downloads)
        assert fetch(settings, [2025], AS).failed == []
        assert server.downloads - before == Counter({503: 1})


def test_files_keep_the_post_time_so_that_the_newest_publication_stands(served, settings_here):
    day = date(2025, 3, 1)
    # the restated document has the smaller number, and comes first
    documents = [mcpc(7, day, 8.0, posted=datetime(2025, 3, 4, 9, 0, 0, 123_000)), mcpc(9, day, 5.0)]
    with served(documents):
        settings = settings_here()
        fetch(settings, [2025], AS)
    assert files(settings) == [
        "cdr.00012329.0000000000000007.20250304.090000123.DAMCPCNP4188_csv.zip",
        "cdr.00012329.0000000000000009.20250228.123200000.DAMCPCNP4188_csv.zip",
    ]
    roll_up_reports(settings)
    rows = pq.read_table(settings.built / "AS_prices" / "2025.parquet")
    assert set(rows.column("MCPC").to_pylist()) == {8.0}


def test_a_restatement_of_another_year_is_brought_and_an_ordinary_document_of_another_year_is_not(
    served, settings_here
):
    member = {"60d_DAM_Gen_Resource_Data-01-MAR-25.csv": b"x"}

    def posted(number: int, moment: datetime, name: str = "60_Day_DAM_Disclosure") -> Posted:
        return Posted("NP3-966-ER", number, name, moment, zipped(member))

    ordinary = [posted(n, datetime(2026, 1, 1, 5) + timedelta(days=n)) for n in range(1, 120)]
    restated = posted(900, datetime(2026, 4, 20, 15))
    supplement = posted(901, datetime(2026, 4, 9, 11), "Supplemental_60_Day_DAM_Disclosure")
    with served([*ordinary, restated, supplement]):
        settings = settings_here()
        fetch(settings, [2025], ["dam_gen_resources"])
    # delivery of 2025 is posted to 1 March 2026; of 20 April two documents of the same name came, and either may be the restated one
    of_2025 = [d.number for d in ordinary if d.posted < datetime(2026, 3, 2)]
    same_day = [d.number for d in ordinary if d.posted.date() == date(2026, 4, 20)]
    assert numbers(settings) == sorted([*of_2025, *same_day, 900, 901])


# --- without a login, and where the API lacks a day
def test_without_credentials_the_public_list_is_read_and_xml_twins_are_left_out(served, settings_here, monkeypatch):
    documents = days(date(2025, 3, 1), 3)
    with served(documents) as server:
        for name in USER:
            monkeypatch.delenv(name)
        settings = settings_here()
        done = fetch(settings, [2025], AS)
    assert numbers(settings) == [500, 501, 502]
    assert done.failed == []
    assert (server.paths("/api/"), server.paths("/token")) == ([], [])


def test_a_day_that_the_api_lacks_comes_from_the_public_list(served, settings_here):
    today = datetime.now().date()
    documents = days(today - timedelta(days=6), 7)
    with served(documents, Faults(unlisted=frozenset({502, 503}))) as server:
        settings = settings_here()
        done = fetch(settings, [today.year, (today - timedelta(days=6)).year], AS)
        assert numbers(settings) == [document.number for document in documents]
        assert len(server.paths("mirDownload")) == 2
    assert not any(today - timedelta(days=6) <= day for missing in done.missing.values() for day in missing)


def test_days_without_a_document_are_named(served, settings_here):
    documents = [d for d in days(date(2024, 1, 1), 366) if d.number not in {510, 511, 600}]
    with served(documents):
        done = fetch(settings_here(), [2024], AS)
    assert done.missing == {("NP4-188-CD", 2024): [date(2024, 1, 11), date(2024, 1, 12), date(2024, 4, 10)]}


# --- refusals
@pytest.mark.parametrize(("name", "value", "words"), [
    ("ERCOT_API_PASSWORD", "wrong-secret", "does not know this name and password"),
    ("ERCOT_API_USERNAME", "nobody-secret", "does not know this name and password"),
    ("ERCOT_PUBLIC_API_SUBSCRIPTION_KEY", "wrong-secret", "refuses the subscription key"),
])  # fmt: skip
def test_wrong_credentials_are_an_error_that_shows_none_of_them(name, value, words, served, settings_here, monkeypatch):
    with served(days(date(2025, 3, 1), 2)):
        monkeypatch.setenv(name, value)
        with pytest.raises(FetchError, match=words) as caught:
            fetch(settings_here(), [2025], AS)
        assert caught.value.remedy
        secrets = [*USER.values(), value]
        assert not any(secret in str(caught.value) for secret in secrets)


def test_one_credential_without_the_others_is_an_error(served, settings_here, monkeypatch):
    with served([]):
        monkeypatch.delenv("ERCOT_API_PASSWORD")
        with pytest.raises(SettingsError, match="ERCOT_API_PASSWORD is not set"):
            fetch(settings_here(), [2025], AS)


def test_an_address_outside_the_united_states_is_refused_with_what_to_do(served, settings_here):
    with served([], Faults(refused=True)), pytest.raises(FetchError, match="refuses this address") as caught:
        fetch(settings_here(), [2025], AS)
    assert "inside the United States" in str(caught.value)


def test_credentials_are_not_sent_on_to_another_server(served, settings_here):
    with Server([]) as elsewhere, served([], Faults(moved=elsewhere.url)):
        with pytest.raises(FetchError, match="status 302"):
            fetch(settings_here(), [2025], AS)
        assert elsewhere.requests == []


def test_a_report_that_ercot_renamed_is_named_and_the_others_come(market, served, settings_here):
    with served(market.of("NP4-188-CD"), Faults(renamed=frozenset({"NP4-181-ER"}))):
        settings = settings_here()
        done = fetch(settings, YEARS, AS)
    assert ["no report NP4-181-ER" in str(error) for error in done.problems] == [True]
    assert len(files(settings)) == len(market.of("NP4-188-CD"))


def test_no_network_is_an_error_after_some_tries(settings_here, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("BESS_ERCOT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("BESS_ERCOT_QUOTA", "30/0.2")
    for name, value in USER.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(FetchError, match="cannot be reached") as caught:
        fetch(settings_here(), [2025], AS)
    assert "HTTPS_PROXY" in str(caught.value)


def test_a_list_of_another_shape_is_an_error(served, settings_here):
    with served(days(date(2025, 3, 1), 1)) as server:
        server.documents[0] = Posted("NP4-188-CD", "no number", "x", datetime(2025, 3, 1), b"")  # type: ignore[arg-type]
        with pytest.raises(FetchError, match="NP4-188-CD is not built as described"):
            fetch(settings_here(), [2025], AS)


def test_a_disk_without_room_is_an_error_before_anything_is_fetched(served, settings_here, monkeypatch):
    usage = shutil.disk_usage("/")
    with served(days(date(2025, 3, 1), 2)) as server:
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1_000))
        with pytest.raises(RoomError, match="would not fit on the disk"):
            fetch(settings_here(), [2025], AS)
        assert server.paths("download") == []


def test_a_disk_that_takes_no_more_while_a_document_comes_is_an_error_and_leaves_no_part_of_it(served, tmp_path):
    documents = [
        *days(date(2025, 3, 1), 2),
        Posted("NP4-188-CD", 600, "DAMCPCNP4188_csv", datetime(2025, 3, 9), zipped({"as.csv": os.urandom(200_000)})),
    ]
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "from bess_assets.cli import main; main()"
    )
    with served(documents):
        command = [sys.executable, "-c", code, "--home", str(tmp_path / "home"), "fetch", "2025", "--only", "as_prices"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "cannot be written" in done.stderr
    assert list((tmp_path / "home" / "reports").rglob("*.tmp")) == []


def test_reports_of_another_server_are_made_up_and_never_mixed_with_ercots(served, settings_here, monkeypatch):
    with served(days(date(2025, 3, 1), 2)):
        settings = settings_here()
        fetch(settings, [2025], AS)
        assert (settings.reports / "SIMULATED.json").is_file()
        monkeypatch.delenv("BESS_ERCOT_URL")
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        with pytest.raises(InputError, match="made up"):
            fetch(settings_here(), [2025], AS)


# --- the quota, and several processes
def test_two_fetches_of_one_home_do_not_run_at_once(served, settings_here):
    program = "import sys, time; from bess_assets.settings import load_settings; from bess_assets.store.locks import fetch_lock\nwith fetch_lock(load_settings(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    with served([]):
        settings = settings_here()
        with subprocess.Popen(
            [sys.executable, "-c", program, str(settings.home)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout
            assert other.stdout.readline() == "held\n"
            with pytest.raises(YearBusyError):
                fetch(settings, [2025], AS)
            other.kill()


ASK = """
import sys
from datetime import datetime
from bess_assets.ercot.publications import PUBLICATIONS
from bess_assets.settings import load_settings
from bess_assets.store.fetching import open_client
client = open_client(load_settings(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    client.shown(PUBLICATIONS[0])
"""


def ask_side_by_side(settings: Settings, processes: int, requests: int) -> None:
    command = [sys.executable, "-c", ASK, str(settings.home), str(requests)]
    running = [subprocess.Popen(command, cwd=ROOT) for _ in range(processes)]
    assert [process.wait(timeout=250) for process in running] == [0] * processes


@pytest.mark.slow
def test_processes_of_one_home_share_the_quota(served, settings_here):
    with served([], minute=2.0) as server:
        ask_side_by_side(settings_here(), 3, 25)
        assert server.over_quota == 0
        assert len(server.requests) == 75


@pytest.mark.slow
def test_thirty_requests_a_real_minute_are_never_exceeded_by_two_processes(served, settings_here):
    with served([], minute=60.0) as server:
        ask_side_by_side(settings_here(), 2, 18)
        assert server.over_quota == 0
        first, last = server.requests[0][0], server.requests[-1][0]
        assert 60 < last - first < 90


def test_times_of_requests_that_cannot_be_read_count_as_a_full_quota(settings_here, monkeypatch):
    monkeypatch.setenv("BESS_ERCOT_QUOTA", "3/1")
    settings = settings_here()
    settings.locks.mkdir(parents=True)
    (settings.locks / "ercot_requests.json").write_text("[1.0,")
    started = datetime.now()
    with Quota(settings).turn():
        waited = (datetime.now() - started).total_seconds()
    assert 0.9 < waited < 3
    assert len(json.loads((settings.locks / "ercot_requests.json").read_text())) == 1


# --- killed
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_fetch_that_is_killed_at_ten_random_points_loses_nothing_and_asks_for_one_batch_twice_at_most(
    market, served, tmp_path
):
    import random
    import shutil
    import time

    moments, home = random.Random(2_025_12_05), tmp_path / "home"
    command = [sys.executable, "-m", "bess_assets.cli", "--home", str(home), "fetch", "2025", "2026"]
    killed = 0
    with served(market.documents, minute=1.0) as server:
        while killed < 10:
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            before = Counter(server.downloads)
            asked = len(server.paths("/download"))
            while process.poll() is None and len(server.paths("/download")) == asked:
                time.sleep(0.01)
            time.sleep(moments.uniform(0, 0.25))
            process.kill()
            if process.wait() == 0:
                # all that was left came before the kill: begin anew
                shutil.rmtree(home)
                continue
            killed += 1
            settings = load_settings(home)
            there = set(numbers(settings))
            came = server.downloads - before
            # what was handed out and is not there is one batch at most
            lost = [number for number in came if number not in there]
            assert len({d.emil for d in market.documents if d.number in lost}) <= 1
            for number in there:
                (path,) = settings.reports.rglob(f"*.{number:016d}.*")
                with zipfile.ZipFile(path) as packed:
                    assert packed.testzip() is None
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert numbers(load_settings(home)) == [document.number for document in market.documents]
        assert server.over_quota == 0
        assert list(load_settings(home).reports.rglob("*.tmp")) == []


# --- files that are removed once they are rolled up
@pytest.mark.slow
def test_rolled_up_reports_may_be_removed_and_are_not_fetched_again(market, served, settings_here):
    documents = market.of("NP4-188-CD", "NP3-966-ER")
    datasets = ["as_prices", "dam_gen_resources"]
    with served(documents) as server:
        settings = settings_here()
        fetch(settings, YEARS, datasets)
        roll_up_reports(settings)
        before = rows_of(settings)
        assert remove_rolled_up(settings)[0] == len(documents)
        assert files(settings) == []
        asked = len(server.downloads)
        assert fetch(settings, YEARS, datasets).brought.total() == 0
        assert len(server.downloads) == asked
        assert new_reports(settings).gone == ()
        roll_up_reports(settings)
        assert {name: rows.equals(before[name]) for name, rows in rows_of(settings).items()} == dict.fromkeys(
            before, True
        )
        assert new_reports(settings).gone == ()
        # a rollup that is lost is fetched and built again
        (settings.built / "AS_prices" / "2026.parquet").unlink()
        fetch(settings, YEARS, datasets)
        roll_up_reports(settings)
        assert rows_of(settings)["AS_prices/2026.parquet"].equals(before["AS_prices/2026.parquet"])


def test_reports_that_are_not_rolled_up_are_not_removed(market, served, settings_here):
    with served(
        [
            *market.of("NP4-188-CD"),
            Posted("NP4-188-CD", 77, "DAMCPCNP4188_csv", datetime(2025, 12, 3), zipped({"x.csv": b"a,b\n1,2\n"})),
        ]
    ):
        settings = settings_here()
        fetch(settings, YEARS, AS)
        by_hand = settings.reports / "mine.zip"
        by_hand.write_bytes(market.of("NP4-188-CD")[0].content)
        roll_up_reports(settings, years=[2026])
        remove_rolled_up(settings)
    left = numbers(settings)
    assert 77 in left
    assert by_hand.is_file()
    of_2025 = {d.number for d in market.of("NP4-188-CD") if d.posted < datetime(2025, 12, 20)}
    assert of_2025 <= set(left) < {77, *(d.number for d in market.of("NP4-188-CD"))}


# --- the command line
def test_bess_fetch_says_what_is_needed_and_what_came_and_shows_no_secret_anywhere(market, served, tmp_path):
    with served(market.of("NP4-188-CD"), Faults(empty_lists=1)):
        home = tmp_path / "home"
        runner = CliRunner()
        dry = runner.invoke(main, ["--home", str(home), "fetch", "2025", "--only", "as_prices", "--dry-run"])
        assert dry.exit_code == 0, dry.output
        assert "documents in" in dry.output
        assert not (home / "reports").exists()
        done = runner.invoke(main, ["--home", str(home), "--debug", "fetch", "2025", "--only", "AS_prices"])
        assert done.exit_code == 0, done.output
        assert "Room on the disk: about" in done.output
        assert "no document of 2025-01-01..2025-11-27" in done.output
        texts = [
            dry.output,
            done.output,
            *(path.read_bytes().decode("latin-1") for path in home.rglob("*") if path.is_file()),
        ]
        assert not any(secret in text for secret in USER.values() for text in texts)


def test_since_brings_only_what_was_posted_since_then(served, settings_here, tmp_path):
    with served(days(date(2025, 3, 1), 5)):
        done = CliRunner().invoke(
            main, ["--home", str(tmp_path / "home"), "fetch", "2025", "--only", "as_prices", "--since", "2025-03-03"]
        )
        assert done.exit_code == 0, done.output
    assert numbers(settings_here()) == [503, 504]


def test_check_prints_what_each_report_holds_and_no_secret(served, tmp_path):
    today = datetime.now().date()
    unknown = Posted(
        "NP4-196-M", 800, "DAM_corrections", datetime.now() - timedelta(days=2), zipped({"odd.csv": b"One,Two\n1,2\n"})
    )
    with served([*days(today - timedelta(days=3), 3), unknown]):
        done = CliRunner().invoke(main, ["--home", str(tmp_path / "home"), "fetch", "--check", "--only", "as_prices"])
    assert done.exit_code == 0
    assert "login: a token came" in done.output
    assert "as.csv: recognised as as_prices" in done.output
    assert "odd.csv: not recognised: no report that is known; its headings are One, Two" in done.output
    assert "NP4-181-ER: listed, no document" in done.output
    assert not any(secret in done.output for secret in USER.values())


def test_check_says_that_a_login_fails(served, tmp_path, monkeypatch):
    with served([]):
        monkeypatch.setenv("ERCOT_API_PASSWORD", "wrong-secret")
        done = CliRunner().invoke(main, ["--home", str(tmp_path / "home"), "fetch", "--check"])
    assert "login: ERCOT does not know this name and password" in done.output
    assert "wrong-secret" not in done.output


def test_a_fetch_without_a_year_in_an_empty_home_asks_for_one(tmp_path):
    done = CliRunner().invoke(main, ["--home", str(tmp_path / "home"), "fetch"])
    assert done.exit_code == 2
    assert "bess fetch 2024" in done.stderr
