"""Causes: the sentences that a refresh ends with, worst first, from the run record."""

from pathlib import Path

import pytest

from bess_assets.checks.causes import causes_of, causes_of_years
from bess_assets.checks.figures import COVERED
from bess_assets.ercot.step import Cause
from bess_assets.settings import load_settings
from bess_assets.store.journal import CheckEntry, RunRecord, table_entry


def record(findings=(), checks=(), lost=None, error=None, **more) -> RunRecord:
    """A run record of one year with these findings and checks of the awards, and these shares of coverage lost."""
    made = {"status": "ok", "seconds": 0.0, "peak_memory_mb": 0, "inputs": {}}
    covered = CheckEntry(name=COVERED.name, passed=True, blocking=False, detail="", numbers=lost or {})
    tables = {
        "bess_awards": table_entry(**made, findings=list(findings), checks=list(checks)),
        "bess_registry": table_entry(**made, rows=4),
        "leaderboard": table_entry(**made, checks=[covered]),
    }
    if error:
        tables["bess_prices"] = table_entry(**{**made, "status": "failed"}, error=error)
    files = {"origin": "found", "files": {"2024.parquet": {"rows": 1_000}}}
    rollups = dict.fromkeys(("rt_prices", "da_prices"), files)
    return RunRecord(year=2024, rollups=rollups, tables=tables, unfinished=[], **more)


def finding(kind: str, subject: str, count: int, detail: str, *, warning: bool = True) -> dict[str, object]:
    return {"kind": kind, "subject": subject, "count": count, "detail": detail, "warning": warning}


def failed(*causes: Cause, blocking: bool = False) -> CheckEntry:
    own = [cause._asdict() for cause in causes]
    return CheckEntry(name="a_check", passed=False, blocking=blocking, detail="", causes=own)


def test_an_error_comes_first_and_then_what_touches_most_of_the_fleet():
    error = "No price.\n  dataset: rt_prices\n  file: RT.parquet\n  remedy: Bring it."
    small, large = Cause("small", "do", 0.1), Cause("large", "do", 0.3)
    found = causes_of(record(checks=[failed(small, large)], error=error))
    assert [cause.words for cause in found] == ["No price (dataset rt_prices, file RT.parquet)", "large", "small"]
    assert found[0].remedy == "Bring it"


def test_a_check_that_blocks_comes_before_all_shares():
    found = causes_of(record(checks=[failed(Cause("large", "do", 1.0)), failed(Cause("held", "do"), blocking=True)]))
    assert [cause.words for cause in found] == ["held", "large"]


@pytest.mark.parametrize(("lost", "share"), [({"unpriced": 0.02}, 0.02), ({"unpriced": 0.5}, 30 / 366), ({}, 1e-4)])
def test_a_hole_touches_no_more_than_the_coverage_lost_for_want_of_it(lost, share):
    (cause,) = causes_of(record([finding("missing_days", "rt_prices", 30, "2024-06-01..2024-06-30")], lost=lost))
    assert cause.words == "RT_prices/2024.parquet hold no row on 2024-06-01..2024-06-30"
    assert cause.share == pytest.approx(share)


def test_repeated_rows_touch_their_share_of_the_files_and_are_named_once_however_many_tables_read_them():
    twice = [finding("contradicting_rows", "rt_prices", count, "the later row was taken") for count in (20, 50)]
    (cause,) = causes_of(record(twice))
    assert cause.words.startswith("many, 50 rows of RT_prices/2024.parquet contradict")
    assert cause.share == 0.05


def test_few_repeated_rows_are_not_called_many():
    (cause,) = causes_of(record([finding("contradicting_rows", "rt_prices", 29, "the later row was taken")]))
    assert cause.words.startswith("29 rows of RT_prices/2024.parquet contradict")


def test_what_is_ordinary_in_several_datasets_or_befell_them_on_the_same_days_is_one_cause():
    later = "the later row was taken"
    rows = [finding("contradicting_rows", "rt_prices", 20, later), finding("contradicting_rows", "da_prices", 2, later)]
    days = [finding("missing_days", name, 1, "2024-05-01") for name in ("rt_prices", "da_prices")]
    days += [finding("missing_days", "as_prices", 1, "2024-06-01")]
    found = {cause.words.split(" ", 1)[0]: cause for cause in causes_of(record(rows + days, lost={"unpriced": 0.5}))}
    assert len(found) == 3
    assert found["22"].words.startswith("22 rows of RT_prices/2024.parquet (20), DA_prices/2024.parquet (2) contradict")
    together = found["RT_prices/2024.parquet,"]
    assert together.words == "RT_prices/2024.parquet, DA_prices/2024.parquet hold no row on 2024-05-01"
    assert together.share == 1 / 366


def test_batteries_touch_their_share_of_the_fleet():
    (cause,) = causes_of(record([finding("unpaired", "bess_registry", 1, "OAK_1")]))
    assert cause.share == 0.25
    assert "OAK_1" in cause.words


def test_findings_that_affect_no_figure_and_those_of_the_schemas_are_no_causes():
    harmless = finding("duplicate_rows", "rt_prices", 9, "equal rows", warning=False)
    assert causes_of(record([harmless, finding("missing_columns", "rt_prices", 1, "2024.parquet: x")])) == []


@pytest.mark.parametrize(("name", "share"), [("RT_prices/2024.csv", 50.0), ("notes.txt", 1e-4)])
def test_a_file_that_is_not_read_is_a_cause_and_first_if_it_may_hold_rows(tmp_path: Path, name: str, share: float):
    file = tmp_path / "rollups" / name
    file.parent.mkdir(parents=True)
    file.write_text("a", encoding="utf-8")
    ((year, cause),) = causes_of_years(load_settings(tmp_path, {}), [2024])
    assert (year, cause.share) == ("all years", share)
    assert cause.words.startswith(f"rollups/{name} was not read: ")


def test_a_csv_beside_the_file_that_is_read_for_its_year_is_no_first_cause(tmp_path: Path):
    folder = tmp_path / "rollups" / "RT_prices"
    folder.mkdir(parents=True)
    for name in ("2024.csv", "2024.parquet"):
        (folder / name).write_text("a", encoding="utf-8")
    ((_, cause),) = causes_of_years(load_settings(tmp_path, {}), [2024])
    assert cause.share == 1e-4
