"""Files whose own times show that they are not ERCOT's: other clocks, days and months exchanged, two spellings, stamps without seconds."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from bess_assets.errors import InputError
from bess_assets.settlement.runs import RunReader
from bess_assets_tests.ercot.test_rows import Read
from bess_assets_tests.resources import GEN
from bess_assets_tests.scenario import write_columns
from bess_assets_tests.steps import CENTRAL, SPRING_AND_AUTUMN, count_of, inputs_of

SPRING, AUTUMN = SPRING_AND_AUTUMN[2024]
JANUARY_1 = date(2024, 1, 1)
Clock = Callable[[datetime], datetime]
"""Wall clock, without a zone, of a UTC moment."""


def zone(name: str) -> Clock:
    return lambda moment: moment.astimezone(ZoneInfo(name)).replace(tzinfo=None)


def only(clock: Clock, first: date, last: date) -> Clock:
    """Another clock on some of the operating days."""

    def of(moment: datetime) -> datetime:
        central = zone("America/Chicago")(moment)
        return clock(moment) if first <= central.date() <= last else central

    return of


def moments(first: date = JANUARY_1, last: date = date(2024, 12, 31), minutes: int = 30) -> list[datetime]:
    """The runs of some operating days, UTC, 13 s after each half hour."""
    begin, end = (datetime(day.year, day.month, day.day, tzinfo=CENTRAL) for day in (first, last + timedelta(days=1)))
    count = int((end.timestamp() - begin.timestamp()) // (60 * minutes))
    start = begin.astimezone(UTC) + timedelta(seconds=13)
    return [start + timedelta(minutes=minutes) * n for n in range(count)]


def read_runs(root, clock: Clock, utc: Sequence[datetime], *, flag=True, text=False, file="2024") -> Read:
    stamps = [clock(moment) for moment in utc]
    values = pa.array([f"{s:%m/%d/%Y %H:%M:%S}" for s in stamps]) if text else pa.array(stamps, pa.timestamp("us"))
    flags = ["NY"[bool(moment.astimezone(CENTRAL).fold)] for moment in utc]
    columns = {"SCEDTimeStamp": values, "ResourceName": [GEN] * len(stamps), "HSL": [1.0] * len(stamps)}
    write_columns(root, "sced_gen_resources", file, columns | ({"RepeatedHourFlag": flags} if flag else {}))
    return read_runs_of(root)


def read_runs_of(root) -> Read:
    return Read(root, "sced_gen_resources", value="hsl_mw", step_seconds=3_600)


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize(("first", "last"), [
    (JANUARY_1, date(2024, 12, 31)), (JANUARY_1, date(2024, 6, 30)), (date(2024, 7, 1), date(2024, 12, 31)), (SPRING, SPRING),
])  # fmt: skip
def test_stamps_of_ercots_clock_are_read(tmp_path, first, last, flag, text):
    read = read_runs(tmp_path, zone("America/Chicago"), moments(first, last), flag=flag, text=text)
    assert count_of(read.findings.items, "unusable_time") == 0
    assert count_of(read.findings.items, "stamps_without_seconds") == 0


OTHER_CLOCKS = {
    "UTC all year": (zone("UTC"), moments(), "seems to be in UTC"),
    "UTC, spring": (zone("UTC"), moments(JANUARY_1, date(2024, 6, 30)), "seems to be in UTC"),
    "UTC, summer": (zone("UTC"), moments(date(2024, 5, 1), date(2024, 9, 30)), "from 2024-05-01 on"),
    "UTC, autumn": (zone("UTC"), moments(date(2024, 7, 1)), "from 2024-07-01 on"),
    "standard time": (zone("Etc/GMT+6"), moments(), "Central standard time all year"),
    "standard time, summer": (zone("Etc/GMT+6"), moments(date(2024, 5, 1), date(2024, 9, 30)), "another time zone"),
    "Eastern": (zone("America/New_York"), moments(), "another time zone"),
    "Pacific": (zone("America/Los_Angeles"), moments(), "another time zone"),
    "UTC in July": (only(zone("UTC"), date(2024, 7, 1), date(2024, 7, 31)), moments(), "from 2024-07-01 on"),
    "UTC from July on": (only(zone("UTC"), date(2024, 7, 1), date(2025, 1, 1)), moments(), "from 2024-07-01 on"),
    "Pacific in July": (
        only(zone("America/Los_Angeles"), date(2024, 7, 1), date(2024, 7, 31)), moments(), "another time zone",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("clock", "utc", "words"), OTHER_CLOCKS.values(), ids=OTHER_CLOCKS)
def test_a_file_of_another_clock_is_refused_by_what_its_stamps_show(tmp_path, clock, utc, words):
    with pytest.raises(InputError, match="SCED_Gen_Resources") as refused:
        read_runs(tmp_path, clock, utc, flag=False)
    assert words in refused.value.problem
    assert refused.value.column == "SCED Time Stamp"
    assert "America/Chicago" in refused.value.remedy


def test_hours_without_rows_here_and_rows_twice_there_are_no_other_clock(tmp_path):
    utc = [
        m
        for m in moments()
        if not (m.astimezone(CENTRAL).date() == date(2024, 5, 7) and m.astimezone(CENTRAL).hour < 9)
    ]
    twice = [m + timedelta(seconds=60) for m in utc if m.astimezone(CENTRAL).date() == date(2024, 8, 3)]
    read = read_runs(tmp_path, zone("America/Chicago"), sorted([*utc, *twice]))
    assert len(read.known()) == 366 * 24 - 9


def test_a_part_of_a_year_may_begin_and_end_at_any_hour(tmp_path):
    whole = moments(date(2024, 5, 1), date(2024, 6, 30))[13:-35]
    assert len(read_runs(tmp_path / "part", zone("America/Chicago"), whole, file="2024_1").known()) > 1_000
    with pytest.raises(InputError, match="another time zone"):
        read_runs(tmp_path / "year", zone("America/Chicago"), whole)


def write_runs(root, clock: Clock, utc: Sequence[datetime], file: str) -> None:
    stamps = [clock(moment) for moment in utc]
    values = pa.array(stamps, pa.timestamp("us"))
    columns = {"SCEDTimeStamp": values, "ResourceName": [GEN] * len(stamps), "HSL": [1.0] * len(stamps)}
    write_columns(root, "sced_gen_resources", file, columns)


@pytest.mark.parametrize(
    "file",
    [
        "2024_{:02d}",
        *(pytest.param(f, marks=pytest.mark.slow) for f in ("2024.parquet/part-{:05d}", "year=2024/data_{}")),
    ],
)
def test_parts_of_a_year_are_judged_together(tmp_path, file):
    utc, size = moments(), 3 * 48
    for clock in ("America/Chicago", "UTC"):
        for n in range(-(-len(utc) // size)):
            write_runs(tmp_path / clock, zone(clock), utc[n * size : (n + 1) * size], file.format(n))
    central, other = tmp_path / "America/Chicago", tmp_path / "UTC"
    for read in (read_runs_of, lambda root: RunReader(inputs_of(root, 2024), "sced_gen_resources", [GEN], ["hsl_mw"])):
        read(central)
        with pytest.raises(InputError, match=r"2024-03-10, which does not exist, .* it seems to be in UTC"):
            read(other)


def read_prices(
    root, hours: Sequence[tuple[date, int]], days: Callable[[date], object] = lambda day: day, year=2024
) -> Read:
    """Day-ahead prices labelled with a day, as it is stored, and an hour ending."""
    columns = {
        "DeliveryDate": [days(day) for day, _ in hours], "HourEnding": [hour for _, hour in hours],
        "SettlementPoint": ["OAK_RN"] * len(hours), "SettlementPointPrice": [1.0] * len(hours),
    }  # fmt: skip
    write_columns(root, "da_prices", year, columns)
    return Read(root, "da_prices", ["OAK_RN"], year=year, value="price_usd_per_mwh")


def year_of_hours(first: date = JANUARY_1, last: date = date(2024, 12, 31)) -> list[tuple[date, int]]:
    """A day and an hour ending for each hour, as ERCOT labels them: no third in spring, the second twice in autumn."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    spring, autumn = SPRING_AND_AUTUMN[first.year]
    odd = {spring: [1, 2, *range(4, 25)], autumn: [1, 2, 2, *range(3, 25)]}
    return [(day, hour) for day in days for hour in odd.get(day, range(1, 25))]


IN_ORDER = [(day, hour) for day, hour in year_of_hours() if day not in {SPRING, AUTUMN}]


@pytest.mark.parametrize("hours", [
    year_of_hours(),
    sorted([*IN_ORDER, *((SPRING, hour) for hour in range(1, 24)), *((AUTUMN, hour) for hour in range(1, 26))]),
    [hour for hour in year_of_hours() if hour != (date(2024, 2, 5), 1)],
], ids=["as price files", "in order", "an hour less"])  # fmt: skip
def test_hour_labels_of_ercots_clock_are_read(tmp_path, hours):
    assert len(read_prices(tmp_path, hours).known()) == len(hours)


def test_hour_labels_of_24_hours_on_every_day_are_another_clock(tmp_path):
    hours = sorted([*IN_ORDER, *((day, hour) for day in (SPRING, AUTUMN) for hour in range(1, 25))])
    with pytest.raises(InputError, match="02:00 to 03:00 of 2024-03-10, which does not exist"):
        read_prices(tmp_path, hours)


@pytest.mark.parametrize("days", [-1, 1])
def test_days_that_are_a_day_off_show_in_the_hour_that_spring_skips(tmp_path, days):
    with pytest.raises(InputError, match=r"2024-03-10, which does not exist, .* its days seem to be a day off"):
        read_prices(tmp_path, [(day + timedelta(days=days), hour) for day, hour in year_of_hours()])


# --- dates ------------------------------------------------------------------------------------------------------------------------------------
def guessed(day: date) -> date:
    """A date MM/DD/YYYY as a reader has it that takes it for DD/MM/YYYY wherever it can."""
    return date(day.year, day.day, day.month) if day.day <= 12 else day


@pytest.mark.parametrize("stored", [guessed, lambda day: guessed(day).isoformat()], ids=["typed", "text"])
def test_days_and_months_that_were_exchanged_show_in_the_order_of_the_file(tmp_path, stored):
    with pytest.raises(InputError, match="days and months exchanged"):
        read_prices(tmp_path, year_of_hours(), stored)


def test_days_and_months_that_were_exchanged_show_in_the_days_of_a_part_of_a_year(tmp_path):
    hours = sorted(year_of_hours(last=date(2024, 10, 20)), key=lambda label: guessed(label[0]))
    with pytest.raises(InputError, match="days and months exchanged"):
        read_prices(tmp_path, hours, guessed)


YEARS = sorted(SPRING_AND_AUTUMN)


def sorted_exchange(year: int, labels: Sequence[int] = (2, 2)) -> list[tuple[date, int]]:
    """Labels of a year whose days and months were exchanged, sorted afterwards; the autumn day's second hour is spelled so."""
    spring, autumn = SPRING_AND_AUTUMN[year]
    days = [date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    odd = {spring: [1, 2, *range(4, 25)], autumn: sorted([1, *labels, *range(3, 25)])}
    return sorted((guessed(day), hour) for day in days for hour in odd.get(day, range(1, 25)))


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("labels", [(2, 2), (2, 25)], ids=["twice", "25th"])
def test_a_sorted_year_of_exchanged_days_and_months_shows_in_the_hours_of_the_clock_change_days(tmp_path, year, labels):
    autumn = SPRING_AND_AUTUMN[year][1]
    with pytest.raises(InputError, match="days and months exchanged") as refused:
        read_prices(tmp_path, sorted_exchange(year, labels), year=year)
    assert f"twice on {guessed(autumn)}, and not on {autumn}" in refused.value.problem


@pytest.mark.parametrize("year", YEARS)
def test_without_the_second_autumn_hour_a_sorted_year_shows_in_spring_unless_that_is_the_13th_or_14th(tmp_path, year):
    """Where it is, nothing in the times of the file differs: each day has the 24 hours of another."""
    spring = SPRING_AND_AUTUMN[year][0]
    if spring.day > 12:
        assert read_prices(tmp_path, sorted_exchange(year, (2,)), year=year)
        return
    with pytest.raises(InputError, match=f"lacking on {guessed(spring)}, and not on {spring}"):
        read_prices(tmp_path, sorted_exchange(year, (2,)), year=year)


@pytest.mark.parametrize("flag", [True, False])
def test_a_sorted_year_of_exchanged_stamps_is_refused(tmp_path, flag):
    def exchanged(moment: datetime) -> datetime:
        local = zone("America/Chicago")(moment)
        return datetime.combine(guessed(local.date()), local.time())

    with pytest.raises(InputError, match=r"twice on 2024-03-11, and not on 2024-11-03"):
        read_runs(tmp_path, exchanged, sorted(moments(), key=exchanged), flag=flag)


@pytest.mark.parametrize("year", YEARS)
def test_an_hour_that_a_day_lacks_or_has_twice_is_no_exchange_where_the_clock_change_days_are_right(tmp_path, year):
    hours = year_of_hours(date(year, 1, 1), date(year, 12, 31))
    hours.remove((guessed(SPRING_AND_AUTUMN[year][0]), 3)) if SPRING_AND_AUTUMN[year][0].day <= 12 else None
    hours.append((guessed(SPRING_AND_AUTUMN[year][1]), 2))
    assert read_prices(tmp_path, sorted(hours), year=year).known()


def test_days_in_no_order_are_read(tmp_path):
    hours = year_of_hours()
    shuffled = [hours[n * 1_009 % len(hours)] for n in range(len(hours))]
    assert count_of(read_prices(tmp_path, shuffled).findings.items, "unusable_time") == 0


def test_dates_that_are_spelled_two_ways_are_refused_with_one_of_each(tmp_path):
    def mixed(day: date) -> str:
        return guessed(day).isoformat() if day.day <= 12 else f"{day:%m/%d/%Y}"

    with pytest.raises(InputError, match="spells dates two ways") as refused:
        read_prices(tmp_path, year_of_hours(last=date(2024, 1, 20)), mixed)
    assert "'01/13/2024'" in refused.value.problem
    assert "'2024-01-01'" in refused.value.problem
    assert refused.value.column == "DeliveryDate"


def test_two_spellings_in_two_row_groups_are_two_spellings(tmp_path):
    columns = {
        "DeliveryDate": ["01/01/2024"] * 2 + ["2024-02-01"] * 2, "HourEnding": [1, 2] * 2,
        "SettlementPoint": ["OAK_RN"] * 4, "SettlementPointPrice": [1.0] * 4,
    }  # fmt: skip
    write_columns(tmp_path, "da_prices", 2024, columns, row_group_size=2)
    with pytest.raises(InputError, match="spells dates two ways"):
        Read(tmp_path, "da_prices", ["OAK_RN"], value="price_usd_per_mwh")


def test_stamps_of_which_none_has_seconds_are_a_finding(tmp_path):
    utc = [moment.replace(second=0) for moment in moments(last=date(2024, 1, 31))]
    read = read_runs(tmp_path, zone("America/Chicago"), utc)
    assert count_of(read.findings.items, "stamps_without_seconds", "sced_gen_resources") == len(utc)
