"""The site as its reader has it: all years in a real Chromium, from files, every figure held against the tables, nothing in the data executed."""

import json
import statistics
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click.testing
import pyarrow.parquet as pq
import pytest

from bess_assets.cli import main
from bess_assets.ercot.products import ATTRIBUTED
from bess_assets.errors import DamagedError, NotRefreshedError
from bess_assets.report.site import MANIFEST, PAGES, Site
from bess_assets.results import Results
from bess_assets.settings import Settings, load_settings
from bess_assets.store.fingerprint import whole_digest
from bess_assets.store.paths import result_path, run_record_path
from bess_assets.store.whole import read_sealed, write_json
from bess_assets_tests.made_home import write_rows
from bess_assets_tests.report.accessibility import serious_findings
from bess_assets_tests.report.made_boards import AWKWARD, write_boards, write_quarter_hours
from bess_assets_tests.report.test_page import (
    MONTHS,
    SCREENS,
    UNKNOWN,
    change_said,
    number,
    percent,
    reopen,
    rows_shown,
    severe,
    texts,
    tiles_shown,
    wait_for_charts,
    wait_until,
)

YEARS = (2023, 2024, 2026)
NAME = "BATTERY_001"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Three years of eight batteries, with the quarter-hours of their best and worst days."""
    folder = tmp_path_factory.mktemp("years")
    for year in YEARS:
        settings = write_boards(folder, year, 8)
        write_quarter_hours(settings, year)
    write_rows(settings, YEARS[0], "use_monthly", [])
    settings.results.joinpath("perfect_monthly", f"{YEARS[0]}.parquet").unlink()
    rt = {"rt_days": 30, "rt_metered_usd": 40.0, "rt_perfect_usd": 100.0, "rt_month_long_usd": 125.0}
    months = [{"battery": NAME, "month": n, **rt, "rt_metered_usd": 5.0 * n} for n in range(1, 13)]
    write_rows(settings, 2024, "perfect_monthly", months)
    held = {"limit_hours": 100, "as_up_mwh": 0.0, "as_down_mwh": 0.0, "throughput_mwh": 0.0}
    write_rows(settings, 2024, "use_monthly", [{"battery": NAME, "month": 2, "out_hours": 25, **held}])
    row = {
        "battery": NAME,
        "data_through": date(2026, 8, 10),
        "own_closed_months": 7,
        "closed_months": 40,
        "error": 0.1,
        "interval_held": 0.8125,
    }
    august = {
        "month": 8,
        "closed": False,
        "estimated_days": 21,
        "estimate_usd": 1234.4,
        "low_usd": 900.0,
        "high_usd": 1500.0,
        "own_error": 0.093,
    }
    july = {"month": 7, "closed": True, "estimated_days": 31, "estimate_usd": 1.0, "actual_usd": 2.0}
    write_rows(settings, 2026, "estimate_monthly", [row | july, row | august])
    write_rows(settings, 2024, "attribution", [_differing(month) for month in (*range(1, 13), None)])
    write_index(settings)
    return settings


def write_index(settings: Settings) -> None:
    """The index of May and June 2024 and of the year, and the quarter-hours of two days of May, of which the second has no known dollars until noon."""
    rows = [
        {
            "kind": kind, "class": name, "period": period, "first_day": date(2024, month, 1), "basis": basis, "batteries": 8,
            "capacity_mw": 80.0, "usd_per_kw_month": of_basis, "da_energy_usd_per_kw_month": 1.0, "as_rrs_usd_per_kw_month": 0.5,
            "p10_usd_per_kw_month": 1.0, "p50_usd_per_kw_month": 2.0, "p90_usd_per_kw_month": 3.0, "definition": "words",
        }
        for kind, name in (("duration", "1.75 to 2.5 h"), ("fleet", "fleet"))
        for period, month, rate in (("month", 5, 6.0), ("month", 6, 4.0), ("year", 1, 5.0))
        for basis, of_basis in (("active", 1.5 * rate), ("installed", rate))
    ]  # fmt: skip
    write_rows(settings, 2024, "index", rows)
    first = datetime(2024, 5, 1, 5, tzinfo=UTC)
    known = {*range(96), *range(96 + 48, 192)}
    rates = {"usd_per_kw": 0.01, "da_energy_usd_per_kw": 0.004, "as_rrs_usd_per_kw": 0.006}
    quarter_hours = [
        {"class": "fleet", "interval_start": first + timedelta(minutes=15 * n), "operating_day": date(2024, 5, 1 + n // 96)}
        | (rates if n in known else {})
        | ({"as_rrs_usd_per_kw": None} if n == 10 else {})
        for n in range(192)
    ]  # fmt: skip
    write_rows(settings, 2024, "index_intervals", quarter_hours)


def _differing(month: int | None) -> dict[str, Any]:
    """A month of the battery, or its year: location is worth 300,000 $, and timing minus 100,000."""
    usd = dict.fromkeys((f"{term}_usd" for term in ATTRIBUTED), 0.0) | {"location_usd": 3e5, "timing_usd": -1e5}
    period = {"period": "month" if month else "year", "first_day": date(2024, month or 1, 1)}
    medians = {"duration_class": "1.75 to 2.5 h", "median_batteries": "BATTERY_002; BATTERY_003", "median_usd": 5e5}
    hours = dict.fromkeys(("compared_hours", "availability_hours", "unknown_hours"), 0.0)
    return {"battery": NAME, **period, **medians, "total_usd": 7e5, "difference_usd": 2e5, **usd, **hours}


@pytest.fixture(scope="module")
def folder(home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of that home."""
    target: Path = tmp_path_factory.mktemp("site") / "site"
    done = click.testing.CliRunner().invoke(main, ["--home", str(home.home), "site", str(target)])
    assert done.exit_code == 0, done.output
    assert str(target / "index.html") in done.output
    return target


def show(browser: Any, folder: Path, page: str, **state: object) -> Any:
    """Open a page of the site at a state of its address."""
    fragment = "&".join(f"{name}={value}" for name, value in state.items())
    return reopen(browser, folder / f"{page}.html", f"#{fragment}" if fragment else "")


def table(home: Settings, name: str, year: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(result_path(home.results, name, year)).to_pylist()
    return rows


def row_of(home: Settings, year: int, battery: str = NAME) -> dict[str, Any]:
    return next(row for row in table(home, "leaderboard", year) if row["battery"] == battery)


def rows_of(browser: Any, caption: str) -> list[dict[str, str]]:
    """Rows of the table of a caption, by heading."""
    script = """
    const table = [...document.querySelectorAll("table")].find((t) => t.caption?.textContent === arguments[0]);
    const headings = [...table.tHead.rows[0].cells].map((c) => c.textContent);
    return [...table.tBodies[0].rows].map((row) => Object.fromEntries([...row.cells].map((c, n) => [headings[n], c.textContent])));
    """
    return list(browser.execute_script(script, caption))


@pytest.mark.parametrize("page", [*PAGES, "2024"])
def test_each_page_opens_from_a_file_without_an_error_and_asks_for_files_of_the_site_only(browser, folder, page):
    show(browser, folder, page, **({"battery": NAME} if page == "battery" else {}))
    if page not in {"method", "dictionary", "compare"}:
        wait_for_charts(browser, 2)
    assert [entry for entry in browser.get_log("browser") if entry["level"] in {"SEVERE", "WARNING"}] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert {url for url in asked if not url.startswith(folder.as_uri())} <= {"about:blank"}
    data = {url.rpartition("/data/")[2] for url in asked if "/data/" in url}
    expected = {"2024": {"2024.js"}, "groups": {"site.js", "groups.js"}, "dictionary": {"site.js", "dictionary.js"}}
    expected["indices"] = {"site.js", "indices.js"}
    expected["battery"] = {"site.js", "batteries/0005.js"}
    assert data == expected.get(page, {"site.js"})  # what is not looked at is not loaded


def test_the_index_has_each_years_edition_fleet_and_first_battery(browser: Any, folder: Path, home: Settings) -> None:
    show(browser, folder, "index")
    shown = rows_of(browser, "Years")
    assert [row["Year"] for row in shown] == [str(year) for year in reversed(YEARS)]
    for row, year in zip(shown, reversed(YEARS), strict=True):
        board = table(home, "leaderboard", year)
        ranked = [r for r in board if r["rank"] is not None]
        assert row["Ranked total $"] == number(sum(r["total_usd"] for r in ranked), 0)
        assert row["Ranked"] == f"{len(ranked)} of {len(board)}"
        assert row["Edition"] == "final 1"
        assert row["First"] == board[0]["battery"]
    batteries = {row["Battery"]: row for row in rows_of(browser, "Batteries of all years")}
    assert len(batteries) == 8
    assert batteries[NAME]["2024 $/kW-mo"] == number(row_of(home, 2024)["usd_per_kw_month"], 2)


def test_the_indices_have_both_bases_what_others_published_and_the_day_by_quarter_hour(
    browser: Any, folder: Path
) -> None:
    show(browser, folder, "indices", year=2024)
    year, may, june = rows_of(browser, "Index of the fleet, 2024")
    assert [row["Period"] for row in (year, may, june)] == ["2024", "May", "June"]
    assert (may["$/kW-month"], may["$/kW-month, active"], may["Ancillary"], may["RT energy"]) == (
        "6.00",
        "9.00",
        "0.50",
        UNKNOWN,
    )
    # 157 to 162 $/kW-year, 45 and 55
    assert [row["Published"] for row in (year, may, june)] == ["4.58", "13.08 to 13.50", "3.75"]
    assert "over the capacity active each day" in june["Basis of what is published"]
    assert rows_of(browser, "Index of duration classes, 2024")[1] == {"Period": "May", "1.75 to 2.5 h": "6.00"}
    slots = rows_of(browser, "Quarter-hours of May 2024")
    assert len(slots) == 96
    # a day that is not wholly known is left out
    assert slots[50] == {"Central time": "12:30", "Energy $/kW": "0.0040", "Ancillary $/kW": "0.0060"}
    assert slots[10] == {"Central time": "02:30", "Energy $/kW": "0.0040", "Ancillary $/kW": UNKNOWN}


def test_a_battery_has_the_estimate_of_days_not_disclosed_with_interval_and_error(browser: Any, folder: Path) -> None:
    show(browser, folder, "battery", battery=NAME, year=2026)
    (august,) = rows_of(browser, f"Estimate of {NAME}, 2026")
    assert august == {
        "Month": "August",
        "Days": "21",
        "Estimate $": "1,234",
        "Low $": "900",
        "High $": "1,500",
        "Its error": "9.3%",
        "All errors": "10.0%",
        "Interval held": "81.2%",
    }
    show(browser, folder, "battery", battery=NAME, year=2024)
    headings = [heading.text for heading in browser.find_elements("css selector", "h3")]
    assert "Estimate of days not disclosed" not in headings


def test_a_battery_has_how_much_of_what_was_possible_where_that_was_worked_out(browser: Any, folder: Path) -> None:
    show(browser, folder, "battery", battery=NAME, year=2024)
    january, february, *_ = rows_of(browser, f"Of what was possible for {NAME}, 2024")
    assert january == {"Month": "January", "Available": UNKNOWN, "Of real time": "5.0%", "Month-long": "4.0%"}
    assert february == {"Month": "February", "Available": "75.0%", "Of real time": "10.0%", "Month-long": "8.0%"}
    show(browser, folder, "battery", battery=NAME, year=YEARS[0])
    headings = [heading.text for heading in browser.find_elements("css selector", "h3")]
    assert "Of what was possible" not in headings


def test_a_battery_has_its_difference_from_the_median_as_a_waterfall_and_by_month(browser: Any, folder: Path) -> None:
    show(browser, folder, "battery", battery=NAME, year=2024)
    *months, year = rows_of(browser, f"Beside the median of its class: {NAME}, 2024")
    assert [row["Month"] for row in months] == [*MONTHS]
    assert year == {
        "Month": "2024", "Median battery": "BATTERY_002; BATTERY_003", "Median $": "500,000", "Difference $": "200,000", "Location $": "300,000", "Timing $": "\u2212100,000",
    }  # fmt: skip
    drawn = "return [...document.querySelectorAll('figure.chart')].find((f) => f.textContent.includes('From the median')).textContent"
    said = browser.execute_script(drawn)
    assert [
        text
        for text in ("Class median", "Location", "Timing", "This battery", "$500k", "$300k", "$700k")
        if text not in said
    ] == []
    assert "Availability" not in said
    show(browser, folder, "battery", battery=NAME, year=YEARS[0])
    headings = [heading.text for heading in browser.find_elements("css selector", "h3")]
    assert "Beside the median of its class" not in headings


def test_a_battery_has_its_years_its_class_and_its_months(browser: Any, folder: Path, home: Settings) -> None:
    show(browser, folder, "battery", battery=NAME, year=2024)
    shown = {row["Year"]: row for row in rows_of(browser, f"Years of {NAME}")}
    assert set(shown) == set(map(str, YEARS))
    for year in YEARS:
        row, of = shown[str(year)], row_of(home, year)
        ranked = [r for r in table(home, "leaderboard", year) if r["rank"] is not None]
        own = [r["battery"] for r in ranked if r["duration_class"] and r["duration_class"] == of["duration_class"]]
        place = f"{own.index(NAME) + 1} of {len(own)}" if NAME in own else UNKNOWN
        assert row["Rank"].startswith(f"{of['rank']} of {len(ranked)}")
        assert row["Rank in class"] == place
        assert row["Total $"] == number(of["total_usd"], 0)
        assert row["Class median"] == number(of["class_median_usd_per_kw_month"], 2)
        assert row["TB2 capture"] == percent(of["tb2_capture"])
    months = rows_of(browser, f"Months of {NAME}, 2024")
    stored = [r for r in table(home, "leaderboard_monthly", 2024) if r["battery"] == NAME]
    assert [row["Total $"] for row in months] == [number(r["total_usd"], 0) for r in stored]
    with Results(home) as results:
        found = results.battery(NAME)
    changes = [r["rank_change_month"] for r in found.months.records() if r["year"] == 2024]
    titles = "return [...arguments[0].querySelectorAll('tbody tr')].map((row) => row.querySelector('.up, .down')?.title ?? null)"
    boxes = {box.get_attribute("aria-label"): box for box in browser.find_elements("css selector", "[role=region]")}
    before = [f"December {YEARS[0]}", *(f"{name} 2024" for name in MONTHS)]
    said = [change_said(change, since) for change, since in zip(changes, before, strict=False)]
    assert browser.execute_script(titles, boxes[f"Months of {NAME}, 2024"]) == said
    assert any(said)
    yearly = [
        change_said(change, str(year - 1))
        for change, year in zip(found.years.column("rank_change"), YEARS, strict=True)
    ]
    assert browser.execute_script(titles, boxes[f"Years of {NAME}"]) == yearly[::-1]


def test_its_best_and_worst_days_are_shown_by_quarter_hour_from_the_ledgers(browser, folder, home):
    days = [r for r in table(home, "daily_revenue", 2026) if r["battery"] == NAME and r["total_usd"] is not None]
    days.sort(key=lambda r: -r["total_usd"])
    show(browser, folder, "battery", battery=NAME, year=2026, day=days[-1]["operating_day"])
    assert [row["Day"] for row in rows_of(browser, "Best days")] == [str(r["operating_day"]) for r in days[:3]]
    worst = rows_of(browser, "Worst days")
    assert [row["Day"] for row in worst] == [str(r["operating_day"]) for r in reversed(days[-3:])]
    assert worst[0]["Total $"] == number(days[-1]["total_usd"], 0)
    shown = rows_of(browser, f"Quarter-hours of {days[-1]['operating_day']}")

    def of(name: str) -> list[dict[str, Any]]:
        mine = [r for r in table(home, name, 2026) if r.get("battery", NAME) == NAME]
        return [r for r in mine if r["operating_day"] == days[-1]["operating_day"]]

    prices = {r["interval_start"]: r for r in of("bess_prices")}
    assert len(shown) == 96
    assert [row["Central time"] for row in shown[:2]] == ["00:00", "00:15"]
    for row, energy, flow in zip(shown, of("energy_revenue"), of("bess_dispatch"), strict=True):
        mw = 4 * (flow["discharge_mwh"] - flow["charge_mwh"])
        assert row["Energy $"] == number(round(energy["energy_usd"], 1), 1)
        assert row["MW"] == number(round(mw, 1), 1)
        assert row["State of charge MWh"] == number(round(flow["soc_mwh"], 1), 1)
        assert row["RT $/MWh"] == number(round(prices[energy["interval_start"]]["rt_price_usd_per_mwh"], 2), 2)


def test_groups_are_those_of_the_results(browser: Any, folder: Path, home: Settings) -> None:
    with Results(home) as results:
        expected = results.groups("duration", 2024).records()
    show(browser, folder, "groups", by="duration", year=2024)
    shown = rows_of(browser, "Groups by Duration class, 2024")
    assert [row["Duration class"] for row in shown] == [group["group"] for group in expected]
    assert [row["Ranked total $"] for row in shown] == [number(group["ranked_total_usd"], 0) for group in expected]
    assert [row["$/kW-month"] for row in shown] == [number(group["usd_per_kw_month"], 2) for group in expected]


def test_batteries_compared_stand_side_by_side_and_the_address_names_them(browser, folder, home):
    show(browser, folder, "compare", **{"1": NAME, "2": "BATTERY_002"})
    wait_for_charts(browser, 3)
    shown = {row["Figure"]: row for row in rows_of(browser, "Figures of 2024")}
    for name in (NAME, "BATTERY_002"):
        assert shown["Total $"][name] == number(row_of(home, 2024, name)["total_usd"], 0)
    browser.execute_script(
        "const s = document.querySelectorAll('select')[2]; s.value = 'BATTERY_003'; s.dispatchEvent(new Event('change'));"
    )
    wait_until(browser, "document.querySelectorAll('select').length === 4")
    assert browser.current_url.endswith("#1=BATTERY_001&2=BATTERY_002&3=BATTERY_003")


def test_the_year_of_the_site_is_the_page_of_the_year_with_links_to_all_years_and_downloads(browser, folder, home):
    show(browser, folder, "2024")
    ranked = [row for row in table(home, "leaderboard", 2024) if row["rank"] is not None]
    assert texts(browser, "#board tbody th") == [row["battery"] for row in ranked]
    middle = statistics.median(row["total_usd"] for row in ranked)
    assert tiles_shown(browser, "#tiles")["Median $"][0].startswith("$" + number(middle / 1e6, 2))
    script = "return [...document.querySelectorAll('#links a')].map((a) => a.getAttribute('href'))"
    links = [href.partition("#")[0] for href in browser.execute_script(script)]
    assert {"2023.html", "2026.html"} <= set(links)
    assert all((folder / href).is_file() for href in links)


@pytest.mark.slow
def test_names_that_look_like_markup_stay_text_on_every_page(browser: Any, folder: Path) -> None:
    for page, state in (("index", {}), ("groups", {"by": "node"}), ("2024", {})):
        show(browser, folder, page, **state)
        assert browser.execute_script("return document.querySelectorAll('main img, main b, main script').length") == 0
    show(browser, folder, "index")
    assert set(AWKWARD) <= set(texts(browser, "main td a, main th a"))
    for place, name in enumerate(sorted(AWKWARD)):
        link = "[...document.querySelectorAll('main th a')].find((a) => a.textContent === arguments[0])"
        show(browser, folder, "index")
        browser.execute_script(f"{link}.click()", name)
        wait_until(browser, "document.getElementById('heading')?.textContent === arguments[0]", name)
        assert browser.execute_script("return document.querySelectorAll('main img, main b, main script').length") == 0
        assert (folder / "data" / "batteries" / f"{place:04d}.js").is_file()
    assert severe(browser) == []


@pytest.mark.slow
def test_on_paper_no_table_and_no_chart_is_cut(browser: Any, folder: Path) -> None:
    paper = {"width": 1032, "height": 700, "deviceScaleFactor": 1, "mobile": False}  # A4 across, less its margins
    try:
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", paper)
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
        for page, state in (("index", {}), ("battery", {"battery": NAME}), ("groups", {}), ("2024", {})):
            show(browser, folder, page, **state)
            wait_for_charts(browser, 2)
            cut = browser.execute_script(
                "return [...document.querySelectorAll('.scroll, .chart')].filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.textContent.slice(0, 60))"
            )
            assert cut == [], page
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_dictionary_has_every_column_and_the_downloads_are_there(browser: Any, folder: Path) -> None:
    show(browser, folder, "dictionary")
    shown = rows_shown(browser, "main details table")
    assert ["total_usd", "number", "energy_usd + as_usd; empty if one is"] in shown
    hrefs = browser.execute_script(
        "return [...document.querySelectorAll('a[download]')].map((a) => a.getAttribute('href'))"
    )
    assert len(hrefs) == 4 * len(YEARS)
    assert all((folder / href).is_file() for href in hrefs)


@pytest.mark.slow
def test_the_same_tables_give_the_same_site(folder: Path, home: Settings, tmp_path: Path) -> None:
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files, size = Site(home).write(tmp_path, lambda *_: None)
    after = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before
    assert (files, size) == (len(after), sum(map(len, after.values())))


@pytest.mark.slow
def test_a_smaller_site_removes_the_files_of_the_larger_one_before_and_no_file_of_anybody_else(tmp_path: Path) -> None:
    def files_of(folder: Path) -> set[str]:
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    large, small = write_boards(tmp_path / "large", 2023, 8), write_boards(tmp_path / "small", 2024, 5)
    write_boards(large.home, 2024, 8)
    target, alone, outside = tmp_path / "site", tmp_path / "alone", tmp_path / "outside.txt"
    outside.write_text("mine", encoding="utf-8")
    Site(large).write(target, lambda *_: None)
    own = {"notes.html": "mine", "data/batteries/mine.js": "mine", "data/batteries/0006.js": "changed by hand"}
    for name, text in own.items():
        (target / name).write_text(text, encoding="utf-8")
    manifest = target / MANIFEST
    written = {**read_sealed(manifest)["files"], "../outside.txt": whole_digest(outside)}
    write_json(manifest, {"files": written})
    Site(small).write(target, lambda *_: None)
    Site(small).write(alone, lambda *_: None)
    assert files_of(target) == {*files_of(alone), *own}
    assert {name: (target / name).read_text(encoding="utf-8") for name in own} == own
    assert outside.exists()
    manifest.write_text("no manifest", encoding="utf-8")
    Site(small).write(target, lambda *_: None)
    assert files_of(target) == {*files_of(alone), *own}


def test_a_home_without_a_board_has_no_site(tmp_path: Path) -> None:
    with pytest.raises(NotRefreshedError, match="Nothing has been refreshed"):
        Site(load_settings(tmp_path, {}))


def test_a_year_made_by_an_earlier_version_is_named_with_what_to_do(tmp_path: Path) -> None:
    settings = write_boards(tmp_path, 2024, 5)
    path = result_path(settings.results, "leaderboard", 2024)
    pq.write_table(pq.read_table(path).drop_columns(["duration_class"]), path)
    run_record_path(settings.results, 2024).unlink()
    with pytest.raises(NotRefreshedError, match=r"earlier version, and lacks duration_class(.|\n)*--only changed"):
        Site(settings).content("data/site.js")


def test_a_damaged_table_is_named_and_none_of_its_dollars_shown(tmp_path: Path) -> None:
    settings = write_boards(tmp_path, 2024, 5)
    path = result_path(settings.results, "leaderboard_monthly", 2024)
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(DamagedError, match="leaderboard_monthly of 2024"):
        Site(settings).content("data/site.js")


# --- real size
@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The site of eight years of 350 batteries, and its bytes."""
    home, target = tmp_path_factory.mktemp("large"), tmp_path_factory.mktemp("site")
    for year in range(2019, 2027):
        settings = write_boards(home, year, 350)
        write_quarter_hours(settings, year)
    return target, Site(settings).write(target, lambda *_: None)[1]


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(900)
def test_eight_years_of_350_batteries_are_under_120_mb_and_every_page_opens_in_under_two_seconds(large, start_browser):
    folder, size = large
    browser = start_browser()
    took = {}
    for page, state in (("index", {}), ("2026", {}), ("battery", {"battery": NAME}), ("groups", {}), ("compare", {"1": NAME, "2": "BATTERY_002"})):  # fmt: skip
        seconds = []
        for _ in range(3):
            browser.execute_cdp_cmd("Network.clearBrowserCache", {})
            show(browser, folder, page, **state)
            # when its charts and tables were there, from the click on
            seconds.append(browser.execute_script("return performance.now()") / 1000)
        took[page] = min(seconds)
    print(f"{size / 1e6:.1f} MB; {', '.join(f'{page} {value:.2f} s' for page, value in took.items())}")
    assert size < 120_000_000
    assert max(took.values()) < 2, took


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SCREENS)
def test_every_page_fits_every_screen_and_an_accessibility_checker_finds_nothing_serious(browser, folder, size, scheme):
    width, height, mobile = SCREENS[size]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
    colours = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", colours)
    try:
        for page in (*PAGES, "2024"):
            state = {"battery": {"battery": NAME}, "compare": {"1": NAME, "2": "BATTERY_002"}}.get(page, {})
            show(browser, folder, page, **state)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width, page
            assert serious_findings(browser) == [], page
        assert severe(browser) == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
