"""Rows of one report, or of a few read together: types, times, blanks, and the line that can't be read."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.ercot.calendar import OperatingYear, day_number, day_of_number
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.report_rows import TIME, Parsed, Part, day_span, layout_of, parse
from bess_assets.ercot.reports import recognise
from bess_assets.errors import InputError
from bess_assets_tests.conftest import REAL
from bess_assets_tests.ercot.report_samples import (
    DA_SPP,
    DAM_GEN,
    RT_MCPC,
    RT_SPP,
    SCED_GEN,
    SMNE,
    award,
    price,
    rt_price,
    run,
    text,
)
from bess_assets_tests.steps import CENTRAL

SPRING, AUTUMN, FIFTH = "03/10/2024", "11/03/2024", "01/05/2024"


def read(name: str, *contents: str | bytes) -> Parsed:
    """Some reports of one kind, read together."""
    files = [content.encode() if isinstance(content, str) else content for content in contents]
    headings = [recognise(name, content) for content in files]
    assert headings[0].dataset is not None, headings[0].why_not
    parts = [
        Part(n, f"{n}/{name}", 1_000 + n, 2 if heading.data_starts else 1, content[heading.data_starts :])
        for n, (heading, content) in enumerate(zip(headings, files, strict=True))
    ]
    return parse(headings[0].dataset, headings[0].headings, parts, 0)


def column(parsed: Parsed, name: str) -> list:
    return parsed.table.column(name).to_pylist()


def rows_by_report(parsed: Parsed) -> Counter[int]:
    """Rows of each report, those without a time included."""
    return Counter(column(parsed, "report")) + Counter(parsed.untimed)


def starts(parsed: Parsed) -> list[str]:
    """Start of each row, UTC, as text; `unknown` where nothing tells two hours apart."""
    return [f"{t:%m-%d %H:%M:%S}" if t else "unknown" for t in column(parsed, "interval_start")]


# --- real layouts -----------------------------------------------------------------------------------------------------------------------------
SAMPLES = {
    "60_dam_energy_bid_awards-history-current.csv": ("dam_energy_bid_awards", {"operating_day": date(2026, 7, 9), "hour_ending": 1, "settlement_point": "LZ_HOUSTON", "qse": "QAFFOR", "award_mw": -54.0, "~settlementpointprice": 26.02, "~bidid": "ETAFYB3"}, "2026-07-09T05:00:00"),
    "60_dam_energy_only_offer_awards-history-current.csv": ("dam_energy_offer_awards", {"settlement_point": "7RNCHSLR_ALL", "award_mw": 0.2, "~offerid": "BVXBRVRBJQDP"}, "2026-07-09T05:00:00"),
    "60_dam_load_res_data-history-current.csv": ("dam_load_resources", {"resource_name": "AAPIPLNC_LD3", "max_power_mw": 24.0, "regup_award_mw": 0.0, "rrsufr_award_mw": 2.6, "regup_mcpc_usd_per_mw": 0.38}, "2026-07-09T05:00:00"),
    "60_dam_load_res_data-history-samples.csv": ("dam_load_resources", {"resource_name": "ACRLY_LD1", "max_power_mw": 2.0, "regup_award_mw": None, "rrs_award_mw": None}, "2014-03-02T06:00:00"),
    "60d_dam_as_only_awards-history-current.csv": ("dam_as_only_awards", {"qse": "QBTU", "product": "NSPIN", "award_mw": 0.0, "~mcpc": 2.0}, "2026-07-09T05:00:00"),
    "60d_dam_esr_data-history-current.csv": ("dam_esr_resources", {"resource_name": "ABINDUST_ESR1", "resource_type": "ESR", "hsl_mw": 9.9, "lsl_mw": -8.5, "award_mw": 1.6, "settlement_price_usd_per_mwh": 25.69}, "2026-07-09T05:00:00"),
    "np1-301-history-current.csv": ("cop_snapshots", {"operating_day": date(2026, 7, 9), "hour_ending": 1, "resource_name": "ARAGORN_UNIT1", "resource_status": "ON", "hsl_mw": 0.0, "max_soc_mwh": 0.0}, "2026-07-09T05:00:00"),
    "np1-301-history-samples.csv": ("cop_snapshots", {"resource_name": "DECKER_DPG1", "resource_status": "OFF", "hsl_mw": 315.0}, "2014-03-02T06:00:00"),
    "np3-965-er--60_load_res_data_in_sced-history-samples.csv": ("sced_load_resources", {"sced_stamp": datetime(2014, 3, 2, 0, 0, 14), "repeated_hour": "N", "resource_name": "ACRLY_LD1", "consumption_mw": 0.5}, "2014-03-02T06:00:14"),
    "np3-965-er-60_load_res_data_in_sced-2023.csv": ("sced_load_resources", {"sced_stamp": datetime(2023, 7, 2, 0, 0, 25), "resource_name": "AAPIPLNC_LD3", "max_power_mw": 12.0, "consumption_mw": 10.8, "base_point_mw": None}, "2023-07-02T05:00:25"),
    "np3-965-er--60_sced_smne_gen_res-history-current.csv": ("sced_smne", {"interval_end": datetime(2026, 7, 8, 0, 14, 59), "interval_number": 1, "resource_name": "19599_1_PV_A1", "energy_mwh": 0.0}, "2026-07-08T05:00:00"),
    "np3-965-er--60_sced_smne_gen_res-history-samples.csv": ("sced_smne", {"interval_end": datetime(2014, 3, 2, 0, 14, 59), "resource_name": "ACACIA_UNIT_1"}, "2014-03-02T06:00:00"),
    "np4-188-cd.csv": ("as_prices", {"operating_day": date(2014, 5, 2), "hour_ending": 1, "product": "RRS", "mcpc_usd_per_mw": 7.25, "repeated_hour": "N"}, "2014-05-02T05:00:00"),
    "np4-190-cd.csv": ("da_prices", {"settlement_point": "AMISTAD_ALL", "price_usd_per_mwh": 29.92}, "2014-05-02T05:00:00"),
    "np6-331-cd-history-samples.csv": ("rt_as_prices", {"operating_day": date(2025, 12, 4), "hour_ending": 24, "interval": 4, "product": "ECRS", "mcpc_usd_per_mw": 9.34}, "2025-12-05T05:45:00"),
    "np6-332-cd-history-current.csv": ("sced_as_prices", {"sced_stamp": datetime(2026, 9, 7, 12, 50, 20), "product": "ECRS", "mcpc_usd_per_mw": 0.01, "~uncappedmcpc": 0.01}, "2026-09-07T17:50:20"),
    "np6-332-cd-history-samples.csv": ("sced_as_prices", {"product": "ECRS", "mcpc_usd_per_mw": 0.47}, "2025-12-05T06:05:17"),
    "np6-905-cd.csv": ("rt_prices", {"operating_day": date(2014, 4, 30), "hour_ending": 24, "interval": 4, "settlement_point": "AMISTAD_ALL", "settlement_point_type": "RN", "price_usd_per_mwh": 30.5}, "2014-05-01T04:45:00"),
}  # fmt: skip
"""First row of each sample of a real layout, in canonical columns, and its time in UTC."""


@pytest.mark.real
@pytest.mark.parametrize("name", SAMPLES)
def test_rows_of_a_real_layout_arrive_typed_and_timed(name, real_pack):
    path = real_pack("report-layouts") / name
    dataset, wanted, start = SAMPLES[name]
    assert recognise(name, path.read_bytes()).dataset == DATASETS[dataset]
    parsed = read(name, path.read_bytes())
    row = parsed.table.slice(0, 1).to_pylist()[0]
    assert {key: row[key] for key in wanted} == wanted
    assert row["interval_start"] == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert parsed.table.num_rows == len(path.read_text(encoding="utf-8").strip().splitlines()) - 1
    assert not parsed.untimed


@pytest.mark.real
def test_every_sample_of_a_real_layout_is_named_above(real_pack):
    assert {path.name for path in real_pack("report-layouts").glob("*.csv")} == set(SAMPLES)


@pytest.mark.real
@pytest.mark.parametrize(
    "layout",
    list(json.loads((REAL / "report-layouts" / "headers.json").read_text(encoding="utf-8")))
    if REAL.is_dir()
    else ["none"],
)
def test_a_row_of_every_real_layout_lands_in_its_canonical_columns(layout, real_pack):
    real_pack("report-layouts")
    from bess_assets_tests.ercot.test_datasets import DATASET_OF_REPORT, _layouts, _report

    dataset = DATASETS[DATASET_OF_REPORT[_report(layout)]]
    headings = _layouts()[layout]
    found = {heading: name for name, heading in dataset.canonical(headings).items()}
    kinds = {heading: dataset.columns[name].kind for heading, name in found.items()}
    cells = {
        "day": "07/01/2024", "hour": "05:00", "interval": "2", "flag": "N", "stamp": "07/01/2024 04:15:13",
        "name": " A_NAME", "number": " -1.5",
    }  # fmt: skip
    row = [cells[kinds[h]] if h in kinds else ("some text" if dataset.holds_text(h) else "7") for h in headings]
    if "interval_end" in found.values():
        row[headings.index("Interval Time")], row[headings.index("Interval Number")] = "07/01/2024 04:29:59", "18"
    for quote in ("", '"'):
        content = "\n".join(",".join(f"{quote}{cell}{quote}" for cell in line) for line in (headings, row)) + "\n"
        name = "60d_DAM_ESR_Data-30-AUG-24.csv" if dataset.name == "dam_esr_resources" else "a.csv"
        parsed = read(name, content)
        got = parsed.table.to_pylist()[0]
        for heading, canonical in found.items():
            kind = kinds[heading]
            if canonical == "interval_number":
                assert got[canonical] == 18
                continue
            wanted = {"day": date(2024, 7, 1), "hour": 5, "interval": 2, "flag": "N", "name": "A_NAME", "number": -1.5}
            wanted["stamp"] = datetime(2024, 7, 1, 4, *((29, 59) if canonical == "interval_end" else (15, 13)))
            assert got[canonical] == wanted[kind], heading
        second = 13 if "sced_stamp" in found.values() else 0
        minute = 0 if not {"interval", "interval_end", "sced_stamp"} & set(found.values()) else 15
        assert got["interval_start"] == datetime(2024, 7, 1, 9, minute, second, tzinfo=UTC)
        assert got["operating_day"] == date(2024, 7, 1)
        assert parsed.table.num_columns >= len(headings) + 5 - 1, "nothing is dropped"


# --- values -----------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quotes_line_ends_spaces_and_blanks_are_spellings_and_no_values(quote, end):
    rows = [DAM_GEN, award(FIFTH, 1, name=" OAK_BESS1", mw=" .2", regup=""), award(FIFTH, 2, mw="-54", regup="1e-3")]
    content = end.join(",".join(f"{quote}{cell}{quote}" for cell in row.split(",")) for row in rows) + end
    parsed = read("60d_DAM_Gen_Resource_Data-05-MAR-24.csv", content)
    assert column(parsed, "resource_name") == ["OAK_BESS1", "OAK_BESS1"]
    assert column(parsed, "award_mw") == [0.2, -54.0]
    assert column(parsed, "regup_award_mw") == [None, 0.001]
    assert column(parsed, "hour_ending") == [1, 2]
    assert parsed.spelled["award_mw"] == "Awarded Quantity"
    assert parsed.table.schema.field("award_mw").type == pa.float64()
    assert pa.types.is_dictionary(parsed.table.schema.field("resource_name").type)


def test_a_trailing_space_in_a_heading_is_no_other_column():
    parsed = read("60d_SCED_Gen_Resource_Data-01-MAR-24.csv", text(SCED_GEN, [run("01/01/2024 00:15:13", 4.25)]))
    assert column(parsed, "output_mw") == [4.25]
    assert parsed.spelled["output_mw"] == "Telemetered Net Output"


def test_thousands_with_commas_are_numbers_where_they_are_quoted():
    parsed = read("a.csv", text(DA_SPP, [price("01/05/2024", 1, '"1,234.5"'), price("01/05/2024", 2, 7)]))
    assert column(parsed, "price_usd_per_mwh") == [1234.5, 7.0]


def test_columns_that_nobody_reads_are_kept_and_what_is_no_number_in_them_is_counted():
    headings = f"{DAM_GEN},QSE submitted Curve-MW1,DME,Carbon"
    parsed = read("a.csv", text(headings, [f"{award(FIFTH, 1)},12,D1,high", f"{award(FIFTH, 2)},twelve,,"]))
    assert column(parsed, "~qsesubmittedcurvemw1") == [12.0, None]
    assert column(parsed, "~dme") == ["D1", None]
    assert column(parsed, "~carbon") == ["high", None]
    assert parsed.unreadable == {0: 1}


def test_a_clearing_price_that_is_no_number_is_counted_and_costs_no_row_since_no_figure_is_made_of_it():
    headings = f"{DAM_GEN},RegUp MCPC"
    parsed = read("a.csv", text(headings, [f"{award('01/05/2024', 1)},5.25", f"{award('01/05/2024', 2)},dear"]))
    assert column(parsed, "regup_mcpc_usd_per_mw") == [5.25, None]
    assert parsed.unreadable == {0: 1}


def test_a_bad_award_is_located_though_a_clearing_price_before_it_is_bad_too():
    headings = f"{DAM_GEN},RegUp MCPC"
    rows = [f"{award('01/05/2024', 1)},dear", f"{award('01/05/2024', 2, mw='much')},5.25"]
    with pytest.raises(InputError, match=r"line 3 holds 'much' in column 'Awarded Quantity'"):
        read("a.csv", text(headings, rows))


def test_layouts_are_told_by_their_canonical_columns():
    dataset = DATASETS["dam_gen_resources"]
    headings = tuple(DAM_GEN.split(","))
    assert "rrspfr_award_mw" in layout_of(dataset, headings)
    assert layout_of(dataset, tuple(reversed(headings))) == layout_of(dataset, headings)
    assert layout_of(dataset, headings[:-1]) != layout_of(dataset, headings)


@pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n", "\n \t\n", "\x1a", "\n\x00\x00"])
def test_what_follows_the_last_row_of_a_report_is_no_row(end):
    content = text(DA_SPP, [price("01/05/2024", 1, 1), price("01/05/2024", 2, 2)]).rstrip("\n") + end
    for parsed in (read("a.csv", content), read("a.csv", content, content)):
        assert column(parsed, "price_usd_per_mwh")[:2] == [1.0, 2.0]
        assert set(rows_by_report(parsed).values()) == {2}


def test_a_blank_line_among_the_rows_is_no_row_and_counts_in_the_number_of_a_later_line():
    rows = [price("01/05/2024", 1, 1), "", price("01/05/2024", 2, 2)]
    parsed = read("a.csv", text(DA_SPP, rows))
    assert (column(parsed, "hour_ending"), rows_by_report(parsed)) == ([1, 2], {0: 2})
    with pytest.raises(InputError, match="blank or broken lines"):
        read("a.csv", text(DA_SPP, rows), text(DA_SPP, rows))
    with pytest.raises(InputError, match="line 5 holds 'abc'"):
        read("a.csv", text(DA_SPP, [*rows, price("01/05/2024", 3, "abc")]))


def test_columns_without_a_name_and_with_one_and_the_same_are_kept_apart():
    headings = f"{DA_SPP},--,My Note,MyNote"
    parsed = read("a.csv", text(headings, [f"{price('01/05/2024', 1, 1)},x,y,z"]))
    kept = [name for name in parsed.table.column_names if name.startswith("~") and name != TIME]
    assert [column(parsed, name) for name in kept] == [["x"], ["y"], ["z"]]
    assert kept == ["~5", "~mynote", "~mynote~7"]


def test_a_number_of_blanks_is_blank_also_where_another_has_commas_and_is_not_counted_as_unreadable():
    headings = f"{DAM_GEN},QSE submitted Curve-MW1"
    rows = [
        f'{award("01/05/2024", 1, mw=chr(34) + "1,000.5" + chr(34))},"  "',
        f"{award('01/05/2024', 2, mw='')},twelve",
        f"{award('01/05/2024', 3)},twelve",
        f"{award('01/05/2024', 4)},",
    ]
    parsed = read("a.csv", text(headings, rows))
    assert column(parsed, "award_mw") == [1000.5, None, 5.0, 5.0]
    assert column(parsed, "~qsesubmittedcurvemw1") == [None] * 4
    assert parsed.unreadable == {0: 2}


def test_names_are_trimmed_and_blank_ones_are_null():
    rows = [award("01/05/2024", 1, name=name) for name in (" OAK", "OAK ", "  ", "", "ELM")]
    assert column(read("a.csv", text(DAM_GEN, rows)), "resource_name") == ["OAK", "OAK", None, None, "ELM"]


def test_the_span_of_days_of_a_report_is_told_from_two_rows_in_either_order():
    heading = recognise("a.csv", text("DSTFlag," + DA_SPP.removesuffix(",DSTFlag"), []).encode())
    early, late = day_number(date(2024, 1, 5)), day_number(date(2024, 1, 7))
    for first, last in (("N,01/05/2024 23:55:00,1", 'N,"01/07/2024 "'), ("N,01/07/2024", "N,01/05/2024,24")):
        assert day_span(heading, first.encode(), last.encode()) == (early, late)
    assert day_span(heading, b"N,01/05/2024", b"N,01/05/2024") == (early, early)
    for odd in (b"N,soon", b"N", b""):
        assert day_span(heading, b"N,01/05/2024", odd) is None
        assert day_span(heading, odd, b"N,01/05/2024") is None
    meters = recognise("60d_SCED_SMNE_GEN_RES-05-MAR-24.csv", text("Resource Code,Interval Number,Interval Time,Interval Value", []).encode())  # fmt: skip
    assert day_span(meters, b"OAK,1,01/05/2024 00:14:59,3", b"OAK,2,01/07/2024 00:29:59,3") == (early, late)


# --- times ------------------------------------------------------------------------------------------------------------------------------------
def hours(first: datetime, count: int) -> list[str]:
    return [f"{first + timedelta(hours=n):%m-%d %H:%M:%S}" for n in range(count)]


SPRING_HOURS, AUTUMN_HOURS = hours(datetime(2024, 3, 10, 6), 23), hours(datetime(2024, 11, 3, 5), 25)
TWO = ("OAK_BESS1", "ELM_BESS1")
DOUBLED = [award(AUTUMN, hour, name) for hour in [1, 2, 2, *range(3, 25)] for name in TWO]
NEW_YEAR = ["01-01 05:00:00", "01-01 06:00:00"]
TIMES = {
    "hour 24 is of its own day": (DA_SPP, [price("12/31/2023", 24, 1), price("01/01/2024", 1, 2)], NEW_YEAR),
    "autumn 1 to 25": (DAM_GEN, [award(AUTUMN, hour) for hour in range(1, 26)], AUTUMN_HOURS),
    "autumn 2 twice, in file order": (DAM_GEN, DOUBLED, [hour for hour in AUTUMN_HOURS for _ in TWO]),
    "spring without 3": (DAM_GEN, [award(SPRING, hour) for hour in (1, 2, *range(4, 25))], SPRING_HOURS),
    "spring 1 to 23": (DAM_GEN, [award(SPRING, hour) for hour in range(1, 24)], SPRING_HOURS),
    "the clock's own label of one interval": (RT_SPP, [rt_price(SPRING, 4, 1, 9)], ["03-10 08:00:00"]),
}
METERS = {
    "01/01/2024 00:14:59,1": "01-01 06:00:00",
    "12/31/2023 23:59:59,96": "01-01 05:45:00",
    "11/03/2024 01:14:59,5": "11-03 06:00:00",
    "11/03/2024 01:14:59,9": "11-03 07:00:00",
    "11/03/2024 01:14:59,": "unknown",
    "07/04/2024 00:14:59,": "07-04 05:00:00",
    "03/10/2024 00:14:59,": "03-10 06:00:00",
    "03/10/2024 01:59:59,": "03-10 07:45:00",
    "03/10/2024 03:00:00,": "03-10 07:45:00",
    "03/10/2024 03:14:59,": "03-10 08:00:00",
    "03/11/2024 00:00:00,": "03-11 04:45:00",
    # the spring day does not have this hour
    "03/10/2024 02:14:59,": None,
    "03/10/2024 02:44:59,": None,
}
"""Start of a metered interval by its end and its number."""


@pytest.mark.parametrize(("headings", "rows", "wanted"), TIMES.values(), ids=TIMES)
def test_hour_labels_lie_where_the_calendar_has_them(headings, rows, wanted):
    assert starts(read("a.csv", text(headings, rows))) == wanted


@pytest.mark.parametrize(("end", "start"), METERS.items())
def test_meters_go_by_the_number_of_the_interval_and_without_one_by_its_end(end, start):
    assert starts(read("a.csv", text(SMNE, [f"{end},OAK,1"]))) == ([start] if start else [])


def test_a_row_belongs_to_the_day_of_its_label_and_of_the_interval_that_it_ends():
    for content in (
        text(DA_SPP, [price("01/05/2024", 24, 1), price("01/06/2024", 1, 2)]),
        text(SCED_GEN, [run("01/05/2024 23:55:00", 1), run("01/06/2024 00:00:10", 2)]),
        text(SMNE, ["01/06/2024 00:00:00,96,OAK,1", "01/06/2024 00:14:59,,OAK,1"]),
    ):
        assert column(read("a.csv", content), "operating_day") == [date(2024, 1, 5), date(2024, 1, 6)]


def test_the_flag_tells_the_two_hours_apart_also_in_a_file_of_one_interval():
    first, second = (text(RT_SPP, [rt_price(AUTUMN, 2, 1, 9, flag=flag)] * 2) for flag in "NY")
    parsed = read("cdr.SPPHLZNP6905_20241103_0100.csv", first, second)
    assert starts(parsed) == ["11-03 06:00:00"] * 2 + ["11-03 07:00:00"] * 2
    labels = [(1, "N"), (2, "N"), (2, "Y"), *((hour, "N") for hour in range(3, 25))]
    whole = [rt_price(AUTUMN, hour, i, 9, flag=flag) for hour, flag in labels for i in (1, 2, 3, 4)]
    parsed = read("a.csv", text(RT_SPP, whole))
    assert len(set(starts(parsed))) == 100


def test_prices_of_the_long_day_without_a_flag_are_told_apart_point_by_point_and_quarter_by_quarter():
    points = (("A_RN", "RN"), ("B_RN", "RN"), ("LZ_WEST", "LZ"), ("LZ_WEST", "LZEW"))
    labels = [(hour, interval) for hour in (1, 2, 2, *range(3, 25)) for interval in (1, 2, 3, 4)]
    rows = [rt_price(AUTUMN, *label, 9, *point, flag="") for label in labels for point in points]
    parsed = read("a.csv", text(RT_SPP, rows))
    first = int(datetime(2024, 11, 3, 5, tzinfo=UTC).timestamp())
    assert column(parsed, TIME) == [first + 900 * quarter for quarter in range(100) for _ in points]


def test_each_report_of_a_clock_change_day_is_understood_by_itself():
    in_order = text(DAM_GEN, [award(AUTUMN, hour) for hour in range(1, 26)])
    doubled = text(DAM_GEN, [award(AUTUMN, hour) for hour in [1, 2, 2, *range(3, 25)]])
    parsed = read("60d_DAM_Gen_Resource_Data-02-JAN-25.csv", in_order, doubled)
    assert starts(parsed)[:25] == starts(parsed)[25:]


def test_stamps_of_the_repeated_hour_follow_the_flag_and_without_one_are_unknown():
    stamps = ["11/03/2024 00:45:10", "11/03/2024 01:15:11", "11/03/2024 01:15:12", "11/03/2024 02:00:13"]
    flagged = read("a.csv", text(SCED_GEN, [run(s, 1, flag=f) for s, f in zip(stamps, "NNYN", strict=True)]))
    assert starts(flagged) == ["11-03 05:45:10", "11-03 06:15:11", "11-03 07:15:12", "11-03 08:00:13"]
    never = read("a.csv", text(SCED_GEN, [run(s, 1) for s in stamps]))
    assert starts(never) == ["11-03 05:45:10", "unknown", "unknown", "11-03 08:00:13"]
    blank = read("a.csv", text(SCED_GEN, [run(s, 1, flag="") for s in stamps]))
    assert starts(blank) == starts(never)
    assert len(set(column(blank, TIME))) == 4, "unknown hours are rows of their own all the same"


def test_rows_without_a_place_in_the_calendar_are_left_out_and_counted():
    rows = [award("01/05/2024", 26), award("", 3), award("01/05/2024", 3)]
    parsed = read("a.csv", text(DAM_GEN, rows))
    assert parsed.untimed == {0: 2}
    assert rows_by_report(parsed) == {0: 3}
    assert column(parsed, "hour_ending") == [3]
    skipped = read("a.csv", text(SCED_GEN, [run("03/10/2024 02:15:00", 1), run("03/10/2024 03:15:00", 1)]))
    assert (skipped.untimed, starts(skipped)) == ({0: 1}, ["03-10 08:15:00"])


@given(st.integers(2019, 2030), st.integers(0, 8783), st.integers(0, 3))
def test_a_printed_quarter_hour_is_read_back_where_it_was(year_number, hour, quarter):
    year = OperatingYear(year_number)
    hour %= year.hours
    local = datetime.fromtimestamp(int(year.hour_starts[hour]), CENTRAL)
    flag = "Y" if local.fold else "N"
    parsed = read("a.csv", text(RT_MCPC, [f"{local:%m/%d/%Y},{local.hour + 1},{quarter + 1},{flag},RRS,1.5"]))
    assert column(parsed, TIME) == [int(year.hour_starts[hour]) + 900 * quarter]


@given(st.integers(2019, 2030), st.integers(0, 8784 * 3600 - 1))
def test_a_printed_run_is_read_back_where_it_was(year_number, second):
    year = OperatingYear(year_number)
    utc = year.start + second % (year.end - year.start)
    stamp = datetime.fromtimestamp(utc, CENTRAL)
    parsed = read("a.csv", text(SCED_GEN, [run(f"{stamp:%m/%d/%Y %H:%M:%S}", 1, flag="Y" if stamp.fold else "N")]))
    assert column(parsed, TIME) == [utc]


def test_only_the_four_intervals_of_an_hour_have_a_place():
    parsed = read("a.csv", text(RT_SPP, [rt_price("01/05/2024", 1, interval, interval) for interval in range(6)]))
    assert column(parsed, "price_usd_per_mwh") == [1.0, 2.0, 3.0, 4.0]
    assert (parsed.untimed, rows_by_report(parsed)) == ({0: 2}, {0: 6})
    assert starts(parsed) == ["01-05 06:00:00", "01-05 06:15:00", "01-05 06:30:00", "01-05 06:45:00"]


def test_rows_without_a_time_are_counted_by_report():
    good, bad = price("01/05/2024", 1, 1), price("01/05/2024", 26, 1)
    parsed = read("a.csv", text(DA_SPP, [good]), text(DA_SPP, [bad, good, bad]), text(DA_SPP, [bad]))
    assert parsed.untimed == {1: 2, 2: 1}
    assert rows_by_report(parsed) == {0: 1, 1: 3, 2: 1}
    assert sorted(parsed.days) == [0, 1]


def test_a_whole_spring_day_of_prices_may_be_labelled_in_order_and_a_part_of_it_never_is():
    order = [rt_price(SPRING, hour, interval, 9) for hour in range(1, 24) for interval in (1, 2, 3, 4)]
    parsed = read("a.csv", text(RT_SPP, order))
    assert (len(set(starts(parsed))), parsed.untimed) == (92, {})
    assert starts(parsed)[8] == "03-10 08:00:00"
    part = read("a.csv", text(RT_SPP, [rt_price(SPRING, hour, 1, 9) for hour in range(1, 23)]))
    assert (part.untimed, starts(part)[2]) == ({0: 1}, "03-10 08:00:00"), "label 3 is no hour of the clock's"


def test_a_repeated_hour_that_never_says_y_is_believed_where_the_report_ends_with_it_or_says_y_somewhere():
    early, twice, later = "11/03/2024 00:45:10", "11/03/2024 01:15:11", "11/03/2024 02:00:13"
    ends = text(SCED_GEN, [run(early, 1), run(twice, 1)])
    assert starts(read("a.csv", ends)) == ["11-03 05:45:10", "11-03 06:15:11"]
    goes_on = text(SCED_GEN, [run(twice, 1), run(later, 1)])
    says = text(SCED_GEN, [run(twice, 1), run(twice, 1, flag="Y"), run(later, 1)])
    assert starts(read("a.csv", ends, goes_on, says)) == [
        "11-03 05:45:10", "11-03 06:15:11", "unknown", "11-03 08:00:13", "11-03 06:15:11", "11-03 07:15:11",
        "11-03 08:00:13",
    ]  # fmt: skip


def test_an_hour_that_nothing_tells_apart_sorts_as_if_it_were_standard_time():
    never = read("a.csv", text(SCED_GEN, [run("11/03/2024 01:15:11", 1), run("11/03/2024 02:00:13", 1)]))
    standard = datetime(2024, 11, 3, 7, 15, 11, tzinfo=UTC).timestamp()
    assert column(never, TIME) == [standard, datetime(2024, 11, 3, 8, 0, 13, tzinfo=UTC).timestamp()]
    meter = read("60d_SCED_SMNE_GEN_RES-02-JAN-25.csv", text(SMNE, ["11/03/2024 01:29:59,,OAK,1"]))
    assert column(meter, "interval_start") == [None]
    assert column(meter, "operating_day") == [date(2024, 11, 3)]
    assert column(meter, TIME) == [datetime(2024, 11, 3, 7, 29, 59, tzinfo=UTC).timestamp()]


def test_meters_without_a_stamp_or_with_a_number_that_the_day_lacks_are_left_out():
    rows = [",1,OAK,1", "07/04/2024 00:14:59,97,OAK,1", "07/04/2024 00:14:59,0,OAK,1", "07/05/2024 00:00:00,96,OAK,1"]
    parsed = read("60d_SCED_SMNE_GEN_RES-02-SEP-24.csv", text(SMNE, rows))
    assert (parsed.untimed, starts(parsed)) == ({0: 3}, ["07-05 04:45:00"])


# --- several files, and bad ones --------------------------------------------------------------------------------------------------------------
def test_reports_without_a_row_come_to_a_table_without_one():
    parsed = read("a.csv", DA_SPP + "\n", DA_SPP + "\n\n")
    assert (parsed.table.num_rows, parsed.days, parsed.untimed) == (0, {}, {})
    assert column(parsed, "price_usd_per_mwh") == []


def test_files_read_together_keep_their_rows_days_and_publications_apart():
    first = text(DA_SPP, [price("01/05/2024", 1, 1), price("01/06/2024", 1, 2)])
    second = text(DA_SPP, [price("01/07/2024", 1, 3)]).rstrip("\n")
    empty = DA_SPP + "\n\n"
    parsed = read("a.csv", first, second, empty)
    assert column(parsed, "report") == [0, 0, 1]
    assert rows_by_report(parsed) == {0: 2, 1: 1}
    assert [[day_of_number(day).day for day in parsed.days[n]] for n in (0, 1)] == [[5, 6], [7]]
    assert [t.microsecond for t in column(parsed, "published")] == [0, 0, 1_000]


GOOD = [price("01/05/2024", 1, 1), price("01/05/2024", 2, 2)]


@pytest.mark.parametrize(("rows", "problem"), [
    ([*GOOD, "01/05/2024,03:00,OAK_RN,abc,N"], "line 4 holds 'abc' in column 'SettlementPointPrice'"),
    ([*GOOD, "01/05/2024,03:00,OAK_RN,1"], "line 4 has 4 columns instead of 5"),
    ([GOOD[0], "01/05/2024,03:00,OAK_RN,1,N,extra", GOOD[1]], "line 3 has 6 columns instead of 5"),
    ([*GOOD, "2024-13-05,03:00,OAK_RN,1,N"], "line 4 holds '2024-13-05' in column 'DeliveryDate'"),
    ([*GOOD, "01/05/2024,three,OAK_RN,1,N"], "line 4 holds 'three' in column 'HourEnding'"),
    ([*GOOD, "01/05/2024,00:00,OAK_RN,1,N"], "line 4 holds '00:00' in column 'HourEnding'"),
    ([*GOOD, "01/05/2024,03:00,OAK_RN,1,maybe"], "line 4 holds 'maybe' in column 'DSTFlag'"),
])  # fmt: skip
def test_the_line_that_cannot_be_read_is_named(rows, problem):
    with pytest.raises(InputError) as caught:
        read("a.csv", text(DA_SPP, rows))
    assert caught.value.problem == problem
    assert caught.value.expected
    assert caught.value.file == "0/a.csv"


def test_bytes_that_are_no_text_are_named_by_their_line():
    content = text(DA_SPP, GOOD).encode() + b"01/05/2024,03:00,\xff\xfe,1,N\n"
    with pytest.raises(InputError, match="line 4 holds bytes that are no UTF-8 text"):
        read("a.csv", content)


@pytest.mark.parametrize("bad", ["01/05/2024,03:00,OAK_RN,abc,N", "01/05/2024,three,OAK_RN,1,N", "01/05/2024,03:00"])
def test_of_two_files_no_line_is_named_and_of_one_it_is(bad):
    for contents in (GOOD, [bad]), ([bad], GOOD):
        with pytest.raises(InputError) as caught:
            read("a.csv", *(text(DA_SPP, rows) for rows in contents))
        assert not caught.value.problem.startswith("line")
    with pytest.raises(InputError, match="line 2 h"):
        read("a.csv", text(DA_SPP, [bad]))


def test_lines_are_counted_from_where_a_stretch_of_a_large_file_begins():
    heading = recognise("a.csv", text(DA_SPP, GOOD).encode())
    assert heading.dataset is not None
    part = Part(0, "large.csv", 0, 1_001, b"01/05/2024,03:00,OAK_RN,abc,N\n")
    with pytest.raises(InputError, match="line 1001 holds 'abc'"):
        parse(heading.dataset, heading.headings, [part], 0)
