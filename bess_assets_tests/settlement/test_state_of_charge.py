"""State of charge: on lines at the quarter-hours' ends, against what flowed, and as a lower bound of a battery's MWh."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from bess_assets.ercot.calendar import operating_year
from bess_assets.settlement.dispatch import bess_dispatch
from bess_assets.settlement.registry import bess_registry
from bess_assets.settlement.state_of_charge import SOC_CHECK, fit_changes, fit_months, soc_verdict
from bess_assets_tests.resources import ESR, STORAGE
from bess_assets_tests.scenario import run, runs_of_day, write_rollup
from bess_assets_tests.steps import inputs_of, take

NEW_YEAR = datetime(2026, 1, 1)


def _soc(root, *readings):
    """State of charge at the ends of the first six quarter-hours, from minutes and states of charge."""
    rows = [run(NEW_YEAR + timedelta(minutes=at), ESR, output_mw=0.0, soc_mwh=mwh) for at, mwh in readings]
    write_rollup(root, "sced_esr_resources", 2026, rows)
    ((_, own),) = take(bess_dispatch(inputs_of(root, 2026, STORAGE))).items()
    return own["soc_mwh"][:6].tolist()


def test_state_of_charge_is_on_the_line_between_two_readings_at_most_1200_seconds_apart(tmp_path):
    # 00:15 is half the way from 10 to 14, the blank is no reading, 00:30 a quarter of the way from 14 at 00:25 to 6 at 00:45
    found = _soc(tmp_path, (14, 10.0), (15, None), (16, 14.0), (25, 14.0), (45, 6.0), (65 + 1 / 60, 2.0), (90, 3.0))
    assert found == [12.0, 12.0, 6.0, pytest.approx(np.nan, nan_ok=True), pytest.approx(np.nan, nan_ok=True), 3.0]


def test_a_rollup_without_state_of_charge_has_none_and_the_check_says_nothing(tmp_path):
    write_rollup(tmp_path, "sced_esr_resources", 2026, runs_of_day(NEW_YEAR.date(), 15, ESR, output_mw=1.0))
    result = bess_dispatch(inputs_of(tmp_path, 2026, STORAGE))
    ((_, own),) = take(result).items()
    assert np.isnan(own["soc_mwh"]).all()
    assert result.verdicts[SOC_CHECK].passed
    assert result.verdicts[SOC_CHECK].numbers["months"] == 0
    assert not [f for f in result.findings.items if "soc_mwh" in f.detail]


def _year(charge=1.0, discharge=1.0, factor=(0.9, 1.1)):
    """A verdict on a year of full cycles, 10 MWh a quarter-hour, of which telemetry says some multiple of charge and of discharge."""
    year = operating_year(2026)
    course = np.resize([10.0] * 4 + [0.0] * 8 + [-8.0] * 4 + [0.0] * 8, year.quarter_hours)
    took, gave = np.maximum(course, 0.0), np.maximum(-course, 0.0)
    soc = 50.0 + np.cumsum(factor[0] * took - factor[1] * gave - 0.02)
    soc[::700] = 0.0
    months = [*fit_months(year, "OAK_1", soc, charge * took, discharge * gave)]
    months += fit_months(year, "IDLE_1", np.full(year.quarter_hours, 7.0), 0.0 * took, 0.0 * took)
    return soc_verdict(months)


def test_flows_that_state_of_charge_follows_pass_whatever_jumps():
    verdict = _year()
    assert verdict.passed
    jumps = 2 * len(range(0, operating_year(2026).quarter_hours, 700)) - 1
    assert verdict.numbers == {"batteries": 1, "months": 12, "months_off": 0, "quarter_hours_left_out": jumps}


@pytest.mark.parametrize(
    ("charge", "discharge", "words"),
    [
        (-1.0, -1.0, "-0.9 MWh for one charged, -1.1 for one discharged"),
        (1_000.0, 1_000.0, "0.0009 MWh for one charged, 0.0011 for one discharged"),
        (0.001, 0.001, "900 MWh for one charged, 1.1e+03 for one discharged"),
        (0.0, 1.0, "0 MWh for one charged"),
        (1.2, 1.2, "0.75 MWh for one charged, 0.917 for one discharged"),
    ],
    ids=["sign", "kW", "GW", "no charging", "a fifth too high"],
)
def test_wrong_flows_show_in_state_of_charge(charge, discharge, words):
    verdict = _year(charge, discharge)
    assert not verdict.passed
    assert "12 of 12 months of 1 batteries" in verdict.detail
    assert f"OAK_1 2026-01 {words}" in verdict.detail


def test_coefficients_of_a_real_battery_pass_and_three_quarter_hours_are_solved_exactly():
    assert _year(factor=(1.13, 1.22)).passed
    fitted, errors, jumps = fit_changes(
        np.array([1.0, -2.0, -0.5]), np.array([2.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    )
    assert fitted.tolist() == pytest.approx([0.75, 1.5, 2.0])  # 1 = 2a - L/4, -2 = -b - L/4, -0.5 = -L/4
    assert (jumps, errors.max()) == (0, pytest.approx(0.0, abs=1e-6))


@pytest.mark.parametrize(("maximum", "size"), [(20.0, (20.0, "sced")), (None, (17.0, "soc"))])
def test_mwh_is_the_24th_largest_hourly_state_of_charge_where_maximum_soc_is_missing(tmp_path, maximum, size):
    rows = []
    for day, soc in ((date(2026, 1, 1), 17.0), (date(2026, 1, 2), 9.0)):
        rows += runs_of_day(
            day, 15, ESR, resource_type="ESR", hsl_mw=10.0, output_mw=0.0, max_soc_mwh=maximum, soc_mwh=soc
        )
    write_rollup(tmp_path, "sced_esr_resources", 2026, rows)
    (row,) = take(bess_registry(inputs_of(tmp_path, 2026))).values()
    assert (*row["energy_mwh"], *row["energy_source"]) == size
