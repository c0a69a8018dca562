"""What a step says beside its columns: a finding is of a known kind, counts something, and warns unless it is said not to."""

import pytest

from bess_assets.ercot.step import Finding, Findings


def test_a_finding_warns_unless_it_is_said_not_to() -> None:
    findings = Findings()
    findings.add("missing_days", "rt_prices", 2, "2024-01-01..2024-01-02")
    findings.add("zero_filled", "rt_prices", 1, warning=False)
    assert findings.items == [
        Finding("missing_days", "rt_prices", 2, "2024-01-01..2024-01-02", warning=True),
        Finding("zero_filled", "rt_prices", 1, "", warning=False),
    ]
    assert Finding("unpaired", "bess_registry", 1, "").warning


def test_nothing_is_recorded_of_a_count_of_zero_and_an_unknown_kind_is_refused_all_the_same() -> None:
    findings = Findings()
    findings.add("missing_days", "rt_prices", 0)
    assert findings.items == []
    with pytest.raises(KeyError, match="missing_dais"):
        findings.add("missing_dais", "rt_prices", 0)
