"""Every worked example of docs/methodology.md, run against the package's own functions."""

import doctest
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "methodology.md"
SECTIONS_WITH_EXAMPLES = {"3", "4", "6", "7", "9", "11", "12", "15"}
_FENCE = re.compile(r"^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{2,3} (?P<title>.+)$", re.MULTILINE)


def _examples() -> list[doctest.DocTest]:
    text = PAGE.read_text(encoding="utf-8")
    tests = []
    for fence in _FENCE.finditer(text):
        title = [h["title"] for h in _HEADING.finditer(text, 0, fence.start())][-1]
        line = text.count("\n", 0, fence.start("code"))
        tests.append(doctest.DocTestParser().get_doctest(fence["code"], {}, title, str(PAGE), line))
    return tests


@pytest.mark.parametrize("example", _examples(), ids=lambda example: f"{example.name} (line {example.lineno + 1})")
def test_a_worked_example_gives_what_the_page_says(example: doctest.DocTest) -> None:
    said = io.StringIO()
    outcome = doctest.DocTestRunner(verbose=False).run(example, out=said.write)
    assert outcome.attempted > 0
    assert outcome.failed == 0, said.getvalue()


def test_every_section_with_a_formula_has_an_example() -> None:
    assert {example.name.split(".")[0] for example in _examples()} >= SECTIONS_WITH_EXAMPLES


def test_every_metric_of_the_leaderboard_is_explained() -> None:
    from bess_assets.ercot.products import PRODUCTS
    from bess_assets.tables import LEADERBOARD

    text = PAGE.read_text(encoding="utf-8")
    plain = {"rank", "battery", "gen_resource", "load_resource", "esr_resource", "qse", "notes", "quantity_source"}
    money = {f"as_{p}{leg}_usd" for p in PRODUCTS for leg in ("", "_da", "_rt")}
    unexplained = [c for c in LEADERBOARD.column_names if c not in plain | money and c not in text]
    assert unexplained == []


def test_the_duration_classes_are_named_as_they_are_on_the_boards() -> None:
    from bess_assets.settlement.metrics import DURATION_CLASSES, DURATION_LIMITS_HOURS
    from bess_assets.tables import LEADERBOARD

    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in DURATION_CLASSES if name not in text] == []
    assert [
        limit for limit in DURATION_LIMITS_HOURS if f"{limit:g}" not in LEADERBOARD.column("duration_class").meaning
    ] == []
