"""The guide lists every check, and which table has which."""

import re
from pathlib import Path

from bess_assets.checks import checks_of
from bess_assets.tables import TABLES

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def _listed():
    text = GUIDE.read_text(encoding="utf-8")
    section = text.split("\n## Checks\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:3] == "| `"]
    return {name.strip("`"): (of, effect, remedy) for name, of, effect, remedy in rows}


def _declared():
    by_name = {}
    for table in TABLES.values():
        for check in checks_of(table):
            by_name.setdefault(check.name, (check, []))[1].append(table.name)
    return by_name


def test_the_guide_says_of_each_check_its_tables_what_it_holds_back_and_what_to_do():
    expected = {
        name: (
            "every table" if len(tables) == len(TABLES) else ", ".join(f"`{table}`" for table in tables),
            "blocks" if check.blocking else "warns",
            check.remedy,
        )
        for name, (check, tables) in _declared().items()
    }
    assert _listed() == expected


def test_every_check_has_a_sentence_for_a_name():
    for name, (check, _) in _declared().items():
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){2,}", name), name
        assert check.meaning.endswith("."), name
