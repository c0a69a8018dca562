"""The made-up market's report files, read back as a stranger would: names, headings, editions, labels, bytes."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from bess_assets.simulator.calendar import midnight
from bess_assets.simulator.fleet import make_fleet
from bess_assets.simulator.layouts import TIME_COLUMNS, published_fields
from bess_assets.simulator.market_model import MarketYear
from bess_assets.simulator.publish import Rows, publish_year
from bess_assets.simulator.report_files import REPORTS, write_reports
from bess_assets.simulator.sheets import PRICES, Hazards
from bess_assets_tests.worlds import digests

CENTRAL = ZoneInfo("America/Chicago")
SPRING, AUTUMN = date(2025, 3, 9), date(2025, 11, 2)
DAYS = [
    *(date(2025, 1, 20) + timedelta(days=n) for n in range(3)), date(2025, 2, 14), date(2025, 3, 5), SPRING,
    date(2025, 7, 11), date(2025, 9, 4), *(date(2025, 10, 2) + timedelta(days=n) for n in range(11)), AUTUMN,
    date(2025, 11, 10), date(2025, 11, 20), *(date(2025, 12, 4) + timedelta(days=n) for n in range(6)),
]  # fmt: skip
"""Clock changes, every edition and repetition, both eras, a day by quarter-hours, and a run of ordinary days in all packings."""

STEMS = {begins or report.title: dataset for dataset, (report, begins) in REPORTS.items()}
STEMS["CompleteCOP"] = "COP_Snapshots"
"""Dataset of each CSV, by what is left of its name without times."""
_FIELDS = [field for dataset in set(STEMS.values()) for field in published_fields(dataset)]
COLUMNS = {field.heading: field.column for field in _FIELDS if field.column and field.column not in TIME_COLUMNS}
"""Canonical column of each heading; the headings themselves are held to the real ones below."""
LABELS = ("Delivery Date", "DeliveryDate", "Hour Ending", "HourEnding", "DeliveryHour", "DeliveryInterval", "DSTFlag")
LABELS += ("RepeatedHourFlag", "Repeated Hour Flag", "SCED Time Stamp", "SCEDTimestamp", "Interval Time")
LABELS += ("Interval Number",)


@cache
def _published(year: int, hazards: Hazards) -> dict[str, list[Rows]]:
    return publish_year(MarketYear(make_fleet((year,), 3 if year == 2025 else 1, 1), year, 1), hazards)


def _on(rows: Rows, days: Sequence[date]) -> Rows:
    """The rows of some days."""
    inside = np.zeros(len(rows.times), dtype=bool)
    for day in days:
        inside |= (rows.times >= midnight(day)) & (rows.times < midnight(day + timedelta(days=1)))
    return rows.part(inside)


def _write(folder: Path, year: int, days: Sequence[date], hazards: Hazards = "harmless") -> Path:
    rows = {dataset: [_on(part, days) for part in found] for dataset, found in _published(year, hazards).items()}
    there = {dataset: [part for part in found if len(part.times)] for dataset, found in rows.items()}
    write_reports(folder, year, there, hazards)
    return folder


@dataclass(frozen=True)
class Csv:
    """A CSV as found: where, its name, its time and its bytes."""

    place: str
    name: str
    posted: datetime
    content: bytes

    @cached_property
    def dataset(self) -> str:
        stem = re.sub(r"^cdr(\.\d+){4}\.|_\d{8}_\d{4}|(_\d{8})?\.csv$|-\d\d-[A-Z]{3}-\d\d", "", self.name)
        return STEMS[stem]

    def rows(self) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.content.decode(), newline="")))

    @property
    def heading(self) -> list[str]:
        return self.rows()[0]

    def frame(self) -> pd.DataFrame:
        heading, *rows = self.rows()
        return pd.DataFrame(rows, columns=heading)


def _read(folder: Path) -> list[Csv]:
    """Every CSV, the earliest posted first."""
    made = [found for path in sorted(folder.rglob("*")) if path.is_file() for found in _csvs(folder, path)]
    return sorted(made, key=lambda found: found.posted)


def _found(files: Sequence[Csv], dataset: str, day: date | None = None) -> list[Csv]:
    """Those of one dataset, and of one day where asked."""
    spelled = b"" if day is None else f"{day:%m/%d/%Y}".encode()
    return [found for found in files if found.dataset == dataset and spelled in found.content]


def _csvs(folder: Path, path: Path) -> Iterator[Csv]:
    place = path.relative_to(folder).as_posix()
    if path.suffix == ".csv":
        yield Csv(place, path.name, datetime(1980, 1, 1), path.read_bytes())
        return
    stamp = re.search(r"\.(\d{8}\.\d{6})\d{3}\.", path.name)
    with ZipFile(path) as outer:
        for info in outer.infolist():
            posted = datetime.strptime(stamp[1], "%Y%m%d.%H%M%S") if stamp else datetime(*info.date_time)
            content, name = outer.read(info), info.filename.rpartition("/")[2]
            if name.endswith(".zip"):
                with ZipFile(io.BytesIO(content)) as inner:
                    (only,) = inner.namelist()
                    name, content = only, inner.read(only)
            yield Csv(place, name, posted, content)


def _labels(dataset: str, seconds: int) -> tuple[str, ...]:
    """How ERCOT names a moment, worked out from the clock on the wall."""
    wall = datetime.fromtimestamp(seconds, CENTRAL)
    day, flag, quarter = f"{wall:%m/%d/%Y}", "Y" if wall.fold else "N", str(wall.minute // 15 + 1)
    counted = (seconds - midnight(wall.date())) // 3600 + 1
    if dataset.startswith("SCED") and dataset != "SCED_SMNE":
        return f"{wall:%m/%d/%Y %H:%M:%S}", flag
    if dataset == "SCED_SMNE":
        end = datetime.fromtimestamp(seconds + 899, CENTRAL)
        return f"{end:%m/%d/%Y %H:%M:%S}", str((seconds - midnight(wall.date())) // 900 + 1)
    if dataset in ("RT_prices", "RT_AS_prices"):
        return day, str(wall.hour + 1), quarter, flag
    if dataset in PRICES:
        return day, f"{wall.hour + 1:02d}:00", flag
    if dataset == "COP_Snapshots":
        return day, f"{wall.hour + 1:02d}:00"
    return day, f"{counted:02d}" if dataset == "SASM_AS_Offers" else str(counted)


def _newest(found: Sequence[Csv]) -> dict[tuple[str, ...], dict[str, str]]:
    """Every row by its labels, name and type, the newest publication of each; the second of two equal COP labels marked."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for file in found:
        heading, *lines = file.rows()
        labels = [place for place, what in enumerate(heading) if what in LABELS]
        named = {COLUMNS[what]: place for place, what in enumerate(heading) if what in COLUMNS}
        seen: set[tuple[str, ...]] = set()
        for line in lines:
            assert len(line) == len(heading)
            who = [line[named[what]].strip() for what in ("name", "kind") if what in named]
            key = (*(line[place] for place in labels), *who)
            if file.dataset == "COP_Snapshots" and line[0] == f"{AUTUMN:%m/%d/%Y}" and key in seen:
                key = (*key, "second")
            seen.add(key)
            rows[key] = {what: line[place].strip() for what, place in named.items()}
    return rows


def _clean(dataset: str, days: Sequence[date]) -> dict[tuple[str, ...], dict[str, float | str]]:
    """The same of the rows of a market without hazards."""
    made: dict[tuple[str, ...], dict[str, float | str]] = {}
    for whole in _published(2025, "none")[dataset]:
        rows = _on(whole, days)
        for position, seconds in enumerate(rows.times.tolist()):
            key = (*_labels(dataset, seconds), *filter(None, (rows.name, rows.kind)))
            if key in made:
                assert dataset == "COP_Snapshots"
                key = (*key, "second")
            values: dict[str, float | str] = {what: float(found[position]) for what, found in rows.numbers.items()}
            values |= {what: str(found[position]) for what, found in rows.texts.items()}
            made[key] = values | {what: getattr(rows, what) for what in ("name", "kind", "qse") if getattr(rows, what)}
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write(tmp_path_factory.mktemp("reports"), 2025, DAYS)


@pytest.fixture(scope="module")
def files(folder: Path) -> list[Csv]:
    return _read(folder)


@pytest.mark.parametrize("dataset", REPORTS)
def test_the_newest_publication_of_each_row_carries_the_clean_values_and_nothing_else(files, dataset):
    newest, clean = _newest(_found(files, dataset)), _clean(dataset, DAYS)
    assert newest.keys() == clean.keys()
    assert clean
    for key, values in clean.items():
        read = newest[key]
        assert read.keys() >= values.keys(), key
        assert not any(read[what] for what in read.keys() - values.keys()), key
        for what, value in values.items():
            if isinstance(value, str):
                assert read[what] == value, (key, what)
            elif np.isnan(value):
                assert read[what] == "", (key, what)
            else:
                assert float(read[what]) == value, (key, what)


def test_replaced_rows_stand_in_earlier_publications_with_other_values(files: list[Csv]) -> None:
    for dataset, day, column in (
        ("DAM_Gen_Resources", date(2025, 1, 20), "Awarded Quantity"),
        ("DAM_Gen_Resources", date(2025, 11, 10), "Awarded Quantity"),
        ("SCED_ESR_Resources", date(2025, 12, 6), "Telemetered Net Output"),
        ("DA_prices", date(2025, 1, 20), "SettlementPointPrice"),
    ):
        earlier, later = _found(files, dataset, day)
        assert earlier.place != later.place
        assert earlier.posted + timedelta(days=2) < later.posted
        assert dataset in PRICES or earlier.name == later.name
        keys = [name for name in later.heading if name in LABELS or COLUMNS.get(name) in ("name", "kind")]
        both = earlier.frame().merge(later.frame(), on=keys)
        assert len(both) == len(earlier.frame()) > 0
        assert (both[f"{column}_x"] != both[f"{column}_y"]).all()


def test_two_editions_in_one_archive_are_told_apart_by_the_times_of_its_members(files: list[Csv]) -> None:
    earlier, later = _found(files, "DAM_Gen_Resources", date(2025, 9, 4))
    assert earlier.place == later.place
    assert not re.search(r"\d{8}\.\d{6}", Path(earlier.place).name)
    assert earlier.posted.date() == date(2025, 11, 3)
    assert later.posted.date() == date(2025, 11, 17)


def test_repeated_rows_stand_twice_in_a_file_or_in_a_copy_of_it(files: list[Csv]) -> None:
    (inside,) = _found(files, "RT_prices", date(2025, 2, 14))
    assert inside.frame().duplicated().sum() >= 96
    one, two = _found(files, "RT_prices", date(2025, 7, 11))
    assert one.content == two.content
    assert sorted(Path(found.place).stem.endswith(" (1)") for found in (one, two)) == [False, True]
    assert not one.frame().duplicated().any()


def test_days_come_as_zip_as_zip_in_zip_and_as_bare_files_by_year_and_month(folder: Path) -> None:
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    bare = [path for path in paths if path.endswith(".csv")]
    loose = r"60-Day_DAM_Disclosure_Reports/2025/1\d/60d_DAM_Gen_Resource_Data-\d\d-DEC-25.csv"
    assert any(re.fullmatch(loose, path) for path in bare)
    name = r"60-Day_SCED_Disclosure_Reports/202\d/rpt\.00013052\.0{16}\.\d{8}\.\d{9}\.60_Day_SCED_Disclosure\.zip"
    packed = [path for path in paths if re.fullmatch(name, path)]
    members = {path: ZipFile(folder / path).namelist() for path in packed}
    assert any(all(member.endswith(".zip") for member in found) for found in members.values())
    ordinary = next(found for path, found in members.items() if ".20251202." in path)
    kinds = ("Load_Resource_Data_in_SCED", "SCED_Gen_Resource_Data")
    assert sorted(ordinary) == [f"60d_{kind}-02-DEC-25.csv" for kind in kinds]


def test_real_time_prices_come_a_quarter_hour_a_file_on_a_few_days_and_a_day_a_file_else(files: list[Csv]) -> None:
    quarters = _found(files, "RT_prices", date(2025, 3, 5))
    assert len(quarters) == 96
    assert quarters[0].name.endswith("SPPHLZNP6905_20250305_0015.csv")
    assert quarters[-1].name.endswith("SPPHLZNP6905_20250306_0000.csv")
    assert quarters[-1].posted == datetime(2025, 3, 6, 0, 1, 30)
    assert {tuple(row[1:3]) for row in quarters[4].rows()[1:]} == {("2", "1")}
    assert len(_found(files, "RT_prices", date(2025, 10, 3))) == 1


def test_labels_of_the_clock_change_days_are_those_of_each_report(files: list[Csv]) -> None:
    def hours(dataset: str, day: date, column: str) -> list[str]:
        frame = _found(files, dataset, day)[-1].frame()
        name = next(what for what in frame.columns if COLUMNS.get(what) == "name")
        return frame[frame[name] == frame[name].iloc[0]][column].tolist()

    def wall(*labels: int) -> list[str]:
        return [f"{label:02d}:00" for label in labels]

    assert hours("DAM_Gen_Resources", SPRING, "Hour Ending") == [str(hour) for hour in range(1, 24)]
    assert hours("DAM_Gen_Resources", AUTUMN, "Hour Ending") == [str(hour) for hour in range(1, 26)]
    for dataset, column in (("COP_Snapshots", "Hour Ending"), ("DA_prices", "HourEnding")):
        assert hours(dataset, SPRING, column) == wall(1, 2, *range(4, 25))
        assert hours(dataset, AUTUMN, column) == wall(1, 2, *range(2, 25))
    assert hours("DA_prices", AUTUMN, "DSTFlag") == ["N", "N", "Y", *("N" for _ in range(22))]
    stamps = hours("SCED_Gen_Resources", AUTUMN, "SCED Time Stamp")
    flags = hours("SCED_Gen_Resources", AUTUMN, "Repeated Hour Flag")
    assert {stamp[11:13] for stamp, flag in zip(stamps, flags, strict=True) if flag == "Y"} == {"01"}


def test_fields_are_quoted_spaced_and_ended_in_more_than_one_way(files: list[Csv], tmp_path: Path) -> None:
    assert {found.content.startswith(b'"') for found in files} == {True, False}
    assert {b"\r\n" in found.content for found in files} == {True, False}
    assert any(re.search(rb",-?\.\d", found.content) for found in files if found.dataset == "SCED_Gen_Resources")
    assert any(re.search(rb", \d+\.\d", found.content) for found in files if found.dataset == "DA_prices")
    assert not any(re.search(rb"[,\n] ", found.content) for found in files if found.dataset == "RT_prices")
    old = _read(_write(tmp_path, 2019, [date(2019, 5, 6)]))
    row = old[0].content.split(b"\n")[1].rstrip()
    assert all(field.startswith(b'"') and field.endswith(b'"') for field in row.split(b","))


def test_clean_files_are_plain_and_published_once(tmp_path: Path) -> None:
    files = _read(_write(tmp_path, 2025, DAYS[:5], "none"))
    assert not any(b'"' in found.content or b"\r" in found.content or b", " in found.content for found in files)
    assert len({found.name for found in files}) == len(files)


@pytest.mark.real
def test_headings_are_the_real_ones_of_their_era(files, tmp_path, real_pack):
    real = json.loads((real_pack("report-layouts") / "headers.json").read_text(encoding="utf-8"))
    early = _read(_write(tmp_path / "early", 2022, [date(2022, 12, 12)]))
    middle = _read(_write(tmp_path / "middle", 2023, [date(2023, 7, 2)]))
    late = _read(_write(tmp_path / "late", 2026, [date(2026, 7, 8)]))
    latest = _read(_write(tmp_path / "latest", 2026, [date(2026, 9, 7)]))
    gen, load = "60d_DAM_Gen_Resource_Data", "60d_DAM_Load_Resource_Data"
    for place, dataset, name in (
        (early, "DAM_Gen_Resources", f"{gen}__2014-03-02"),
        (early, "DAM_Load_Resources", f"{load}__2014-03-02"),
        (early, "COP_Snapshots", "CompleteCOP / 60d_COP_Adjustment_Period_Snapshot__2014-03-02"),
        (middle, "DAM_Gen_Resources", f"{gen}__2026-07-09"),
        (middle, "DAM_Load_Resources", f"{load}__2026-07-09"),
        (middle, "SCED_Gen_Resources", "60d_SCED_Gen_Resource_Data__2023-07-02"),
        (middle, "SCED_Load_Resources", "60d_Load_Resource_Data_in_SCED__2023-07-02"),
        (files, "SCED_SMNE", "60d_SCED_SMNE_GEN_RES__2014..2026"),
        (late, "DAM_Gen_Resources", f"{gen}__2026-07-09"),
        (late, "DAM_Load_Resources", f"{load}__2026-07-09"),
        (late, "DAM_ESR_Resources", f"{gen}__2026-07-09"),
        (late, "SCED_Gen_Resources", "60d_SCED_Gen_Resource_Data__2026-07-08"),
        (late, "SCED_ESR_Resources", "60d_ESR_Data_in_SCED__2026-07-08"),
        (late, "SCED_Load_Resources", "60d_Load_Resource_Data_in_SCED__2026-07-08"),
        (late, "DAM_Energy_Bid_Awards", "60d_DAM_EnergyBidAwards__2014,2026"),
        (late, "COP_Snapshots", "60d_COP_Adjustment_Period_Snapshot__2025-05-02,2026-07-09"),
        (late, "DA_prices", "NP4-190-CD__2014"),
        (late, "AS_prices", "NP4-188-CD__2014"),
        (late, "RT_prices", "NP6-905-CD__2014"),
        (late, "RT_AS_prices", "NP6-331-CD__2025-12-05 (15-min RT MCPC)"),
        (late, "SCED_AS_prices", "NP6-332-CD__2025-12-05 (SCED RT MCPC)"),
        (latest, "SCED_AS_prices", "NP6-332-CD__2026-09-07 (SCED RT MCPC)"),
    ):
        # QSE is in all years here, and not in ERCOT's oldest.
        heading = _found(place, dataset)[-1].heading
        assert [what for what in heading if what != "QSE" or "2014-03" not in name] == real[name]


def test_award_columns_change_with_the_operating_day_and_not_with_the_file_year(tmp_path: Path) -> None:
    # the columns of ECRS stand a day before the product, as in a yearly file of real data
    days = [date(2022, 12, 12), date(2022, 12, 13), date(2023, 6, 8), date(2023, 6, 9)]
    for year in (2022, 2023):
        _write(tmp_path, year, [day for day in days if day.year == year])
    files = _read(tmp_path)
    seen = []
    for day in days:
        (found,) = _found(files, "DAM_Load_Resources", day)
        seen.append([what.removesuffix(" Awarded") for what in found.heading if what.endswith(" Awarded")])
        awards = found.frame()[[what for what in found.heading if what.startswith(("RRS", "ECRSSD Aw"))]]
        assert (awards.drop(columns="RRS MCPC") != "").any(axis=None)
    parts = ["RRSPFR", "RRSFFR", "RRSUFR"]
    assert seen == [
        ["RegUp", "RegDown", "RRS", "NonSpin"],
        ["RegUp", "RegDown", *parts, "NonSpin"],
        ["RegUp", "RegDown", *parts, "NonSpin"],
        ["RegUp", "RegDown", *parts, "ECRSSD", "ECRSMD", "NonSpin"],
    ]
    names = [found.name for found in _found(files, "COP_Snapshots")]
    assert sorted(names)[-2:] == ["60d_COP_Adjustment_Period_Snapshot-11-FEB-23.csv", "CompleteCOP_02102023.csv"]


def test_helper_columns_of_the_rollups_are_no_columns_of_ercots(tmp_path: Path) -> None:
    # In the rollup of 2026 ECRS stands in a column of its own beside zeros, and a column of zeros for RRS.
    day = date(2025, 11, 25)
    whole = [rows for rows in _published(2025, "harmless")["DAM_Gen_Resources"] if rows.file_year == 2026]
    assert all({"ecrs", "rrs"} <= rows.numbers.keys() for rows in whole)
    (found,) = _found(_read(_write(tmp_path, 2025, [day])), "DAM_Gen_Resources", day)
    frame = found.frame()
    assert not {"ECRS Awarded", "RRS Awarded"} & set(frame.columns)
    awarded = sum(np.nansum(_on(rows, [day]).numbers["ecrs"]) for rows in whole)
    assert pd.to_numeric(frame["ECRSSD Awarded"]).sum() == pytest.approx(awarded)
    assert awarded > 0


def test_wild_files_lack_the_columns_of_their_publication_year(tmp_path: Path) -> None:
    before, after = date(2025, 10, 20), date(2025, 11, 2)
    files = _read(_write(tmp_path / "2025", 2025, [before, after], "wild"))
    for dataset, heading, there in (
        ("SCED_Gen_Resources", "Telemetered Net Output ", (False, True)),
        ("SCED_Gen_Resources", "Repeated Hour Flag", (True, False)),
        ("SCED_Load_Resources", "Repeated Hour Flag", (False, True)),
        ("SCED_Gen_Resources", "QSE", (True, False)),
        ("DAM_Gen_Resources", "Resource Status", (True, False)),
        ("COP_Snapshots", "Maximum SOC", (False, True)),
        ("DA_prices", "DSTFlag", (False, False)),
        ("RT_prices", "DSTFlag", (True, True)),
    ):
        found = tuple(heading in _found(files, dataset, day)[-1].heading for day in (before, after))
        assert found == there, (dataset, heading)
    # Without its flag, a day is in one file in the order of time: nothing else tells its two 02:00 apart.
    (autumn,) = _found(files, "DA_prices", after)
    frame = autumn.frame()
    assert frame["HourEnding"].tolist() == sorted(frame["HourEnding"])
    point = frame["SettlementPoint"].iloc[0].strip()
    prices = pd.to_numeric(frame[frame["SettlementPoint"].str.strip() == point]["SettlementPointPrice"]).tolist()
    rows = next(rows for rows in _published(2025, "wild")["DA_prices"] if rows.name == point)
    assert prices == _on(rows, [after]).numbers["price"].tolist()
    nameless = _read(_write(tmp_path / "2019", 2019, [date(2019, 5, 6)], "wild"))
    (file,) = _found(nameless, "SCED_Load_Resources")
    assert "Resource Name" not in file.heading


def test_the_same_rows_are_written_to_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = digests(_write(tmp_path, 2025, DAYS[:8]))
    assert again
    assert again.items() <= digests(folder).items()
