"""The `schema.json` that some producers leave beside their rollups: the columns and types that it lists, in whatever form it was written by hand."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bess_assets.ercot.datasets import normal_heading

SCHEMA_FILE = "schema.json"

_COLUMN_LISTS = ("columns", "fields", "schema", "properties")
_NAME_KEYS = ("name", "column", "column_name", "field")
_TYPE_KEYS = ("type", "data_type", "dtype", "datatype")
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')
"""Of texts and comments, or texts and a comma after the last item: the texts stay, and people write the others though JSON has none."""

_SIZED = re.compile(r"(u?int|i|u|float|f)(8|16|32|64)(\[pyarrow\])?")
_FAMILIES: tuple[tuple[str, str, int | None], ...] = (
    (r"(large_?)?(utf8|string)(_?view)?|str|text|varchar.*|categorical|enum|object|char.*", "text", None),
    ("tinyint", "i", 8),
    ("smallint", "i", 16),
    ("long|bigint", "i", 64),
    ("int|integer", "i", None),
    ("half(float)?", "f", 16),
    ("real", "f", 32),
    ("double", "f", 64),
    ("float|number", "f", None),
    ("(decimal|numeric).*", "decimal", None),
    ("(timestamp|datetime).*", "timestamp", None),
    (r"date(32|64)?(\[.*\])?", "date", None),
    ("bool(ean)?", "boolean", None),
    (r"(large_|fixed_size_)?binary(_?view)?(\[.*\])?", "binary", None),
    (r"(time(32|64)|duration)(\[.*\])?", "time of day", None),
)
"""Pattern of words, their family, and its bits where the words say them."""


def listed_columns(folder: Path) -> dict[str, str] | None:
    """Type by heading that the `schema.json` of a rollup folder lists, both as written, `?` where it names no type; None if there is none.

    Raises:
        ValueError: it cannot be understood, and why.
    """
    path = folder / SCHEMA_FILE
    if not path.is_file():
        return None
    columns, reason = {}, "it lists no columns and their types"
    try:
        text = _COMMENT.sub(lambda found: found[1] or "", path.read_text(encoding="utf-8-sig"))
        columns = _listed(json.loads(_LAST_COMMA.sub(lambda found: found[1] or "", text)))
    except (OSError, TypeError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if not columns:
        raise ValueError(f"{SCHEMA_FILE} cannot be understood: {reason}")
    return columns


def spelling_of(listed: Iterable[str], heading: str) -> str | None:
    """How a heading is spelled among those listed; None if it is not."""
    same = [own for own in listed if normal_heading(own) == normal_heading(heading)]
    return heading if heading in same else next(iter(same), None)


def same_type(listed: str, arrow_type: str) -> bool:
    """Whether a word for a type, of Polars, pandas, SQL or Arrow, may stand for an Arrow type; a word that says no size fits any."""
    # to Arrow alone, float says a size
    one, other = type_family(listed), type_family("float32" if arrow_type == "float" else arrow_type)
    return listed == "?" or one == other or (one[0] == other[0] and None in {one[1], other[1]})


def type_family(word: str) -> tuple[str, int | None]:
    """Family of a type, and bits if the word says them: text, i, u, f, decimal, date, timestamp, boolean; an unknown word is a family of its own."""
    word = re.sub(r"\s", "", word.lower())
    if dictionary := re.match(r"dictionary<values=([^,]+)", word):
        word = dictionary[1]
    if sized := _SIZED.fullmatch(word):
        return sized[1][0], int(sized[2])
    return next(((family, bits) for words, family, bits in _FAMILIES if re.fullmatch(words, word)), (word, None))


def _listed(value: Any) -> dict[str, str]:
    """Columns of whatever was written: an object of types, a list of columns, or an object that holds either.

    Raises:
        TypeError, ValueError: it is none of these.
    """
    match value:
        case list():
            return dict(map(_item, value))
        case dict():
            nested = [value[key] for key in _COLUMN_LISTS if isinstance(value.get(key), dict | list)]
            return _listed(nested[0]) if nested else {str(n): _type_word(str(n), kind) for n, kind in value.items()}
    raise TypeError(f"expected an object or a list of columns, not {json.dumps(value)[:40]}")


def _item(item: Any) -> tuple[str, str]:
    match item:
        case str():
            return item, "?"
        case [str(name), kind]:
            return name, _type_word(name, kind)
        case dict():
            for name in (item[key] for key in _NAME_KEYS if isinstance(item.get(key), str)):
                return name, _type_word(name, item)
    raise ValueError(f"{json.dumps(item)[:40]} is no column with a name")


def _type_word(name: str, kind: Any) -> str:
    match kind:
        case str():
            return kind
        case [_, *_] if all(isinstance(word, str) for word in kind):
            return next((word for word in kind if word != "null"), "null")  # a JSON schema's ["string", "null"]
        case dict():
            for inner in (kind[key] for key in _TYPE_KEYS if key in kind):
                return _type_word(name, inner)
            if len(kind) == 1 and isinstance(next(iter(kind.values())), list | dict):
                return str(next(iter(kind)))  # {"Timestamp": ["Microsecond", null]}
            if any(key in kind for key in _NAME_KEYS):
                return "?"
    raise ValueError(f"{json.dumps(kind)[:40]} is no type of column {name!r}")
