"""What the rows of a 60-day file say besides their numbers: names by type, days, runs, and rows without a name."""

from datetime import date

import pytest

from bess_assets.ercot import labels as labels_module
from bess_assets.ercot.labels import labels_of
from bess_assets.errors import InputError
from bess_assets_tests.scenario import write_columns
from bess_assets_tests.steps import inputs_of

NAMES = ["OAK_ESS1", "SUN_1", None, "OAK_ESS1", "SUN_1", "ELM_2", ""]
TYPES = ["PWRSTR", "pvgr", "PWRSTR", None, "PWRSTR", "", "pvgr"]


def _hourly(root, names=NAMES, types=TYPES, days=None):
    columns = {
        "Delivery Date": days or ["07/04/2024"] * len(names),
        "Hour Ending": [1] * len(names),
        "Resource Name": names,
        **({} if types is None else {"Resource Type": types}),
    }
    path = write_columns(root, "dam_gen_resources", 2024, columns)
    return labels_of(inputs_of(root, 2024), "dam_gen_resources", path)


@pytest.mark.parametrize("most_pairs", [2**22, 0], ids=["few", "many"])
def test_names_are_known_by_the_types_that_their_rows_have(tmp_path, monkeypatch, most_pairs):
    monkeypatch.setattr(labels_module, "_MOST_PAIRS", most_pairs)
    found = _hourly(tmp_path)
    assert found.names == {"PWRSTR": {"OAK_ESS1", "SUN_1"}, "pvgr": {"SUN_1"}, "": {"OAK_ESS1", "ELM_2"}}
    assert found.types == ["PWRSTR", "pvgr"]
    assert found.unnamed == 2
    assert [row.row for row in found.odd_names.left_out["unnamed_rows"]] == [3, 7]


def test_where_the_file_has_no_types_the_names_are_those_of_none(tmp_path):
    found = _hourly(tmp_path, ["OAK_ESS1", "SUN_1"], None)
    assert (found.names, found.types) == ({"": {"OAK_ESS1", "SUN_1"}}, [])


def test_days_are_the_first_and_the_last_of_all_batches_and_other_years(tmp_path):
    days = ["07/04/2024", None, "12/31/2023", "01/02/2025"]
    found = _hourly(tmp_path, ["OAK_ESS1"] * 4, ["PWRSTR"] * 4, days)
    assert found.first_and_last_day == (date(2023, 12, 31), date(2025, 1, 2))


def test_a_stamp_that_cannot_be_read_is_refused_with_its_column(tmp_path):
    columns = {"SCED Time Stamp": ["soon"], "Resource Name": ["OAK_ESS1"], "Repeated Hour Flag": ["N"]}
    path = write_columns(tmp_path, "sced_gen_resources", 2024, columns)
    with pytest.raises(InputError, match="holds 'soon' in column 'SCED Time Stamp'"):
        labels_of(inputs_of(tmp_path, 2024), "sced_gen_resources", path)
