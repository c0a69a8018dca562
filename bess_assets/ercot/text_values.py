"""What a text says: a date, an hour, a number or a flag, as ERCOT and the programs that saved its reports write them."""

import re
from collections.abc import Mapping
from functools import lru_cache, partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bess_assets.ercot.arrays import NO_VALUE, IntArray

_DATES = tuple(
    rf"^{day}(?:[ T](?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?::(?P<second>\d{{2}}))?(?:\.\d+)?)?$"
    for day in (
        r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})",
        r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})",
    )
)
_STAMP = "00/00/0000 00:00:00"
_NUMBER = re.compile(
    r"[+-]?((\d{1,3}(,\d{3})+|\d+)(\.\d*)?|\.\d+)([eE][+-]?\d+)?$|[+-]?inf(inity)?$|nan$", re.IGNORECASE
)
_HOUR = re.compile(r"(\d{1,2})(?::00(?::00)?|\.0+)?$")
_HALF_DAY = re.compile(r"(0?[1-9]|1[0-2]):00(?::00)? ?([AP])M", re.IGNORECASE)


def wall_clocks(texts: pa.Array) -> IntArray:
    """Wall-clock seconds of dates with or without time, as if they were UTC; `NO_VALUE` where a text is neither.

    Reads `MM/DD/YYYY` and `YYYY-MM-DD`, each with an optional `HH:MM` or `HH:MM:SS`.
    """
    if (part := _stamp_parts(texts)) is not None:
        return _clock_seconds(part)
    seconds = np.full(len(texts), NO_VALUE)
    rest = np.arange(len(texts))
    for pattern in _DATES:
        parts = pc.extract_regex(texts.take(pa.array(rest)), pattern)
        matched = np.asarray(parts.is_valid())
        at, rest = rest[matched], rest[~matched]
        cells = parts.filter(pa.array(matched)).flatten()
        seconds[at] = _clock_seconds(
            {
                field.name: pc.if_else(pc.equal(cell, ""), "0", cell).cast(pa.int64()).to_numpy()
                for field, cell in zip(parts.type, cells, strict=True)
            }
        )
    return seconds


def _stamp_parts(texts: pa.Array) -> dict[str, IntArray] | None:
    """The parts of texts that are all ERCOT's own stamps, `MM/DD/YYYY HH:MM:SS`: digits at fixed places; None if one is not."""
    width, count = len(_STAMP), len(texts)
    if not count or texts.null_count or texts.type != pa.string():
        return None
    _, offsets, characters = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + count + 1]
    if (np.diff(ends) != width).any():
        return None
    grid = np.frombuffer(characters, dtype=np.uint8)[ends[0] : ends[-1]].reshape(count, width)
    is_digit = np.array([character == "0" for character in _STAMP])
    digits = grid[:, is_digit] - ord("0")
    if (digits > 9).any() or (grid[:, ~is_digit] != [ord(c) for c in _STAMP if c != "0"]).any():
        return None
    pairs = digits[:, ::2].astype(np.int64) * 10 + digits[:, 1::2]
    month, day, century, year, hour, minute, second = pairs.T
    names = ("month", "day", "year", "hour", "minute", "second")
    return dict(zip(names, (month, day, 100 * century + year, hour, minute, second), strict=True))


def _clock_seconds(part: Mapping[str, IntArray]) -> IntArray:
    """Wall-clock seconds of year, month, day, hour, minute and second; `NO_VALUE` where there is no such time."""
    # a month is counted from January 1970; the 31st of April lies in another month than April
    month = ((part["year"] - 1970) * 12 + part["month"] - 1).astype("datetime64[M]")
    day = month.astype("datetime64[D]") + (part["day"] - 1)
    is_day = (part["year"] > 0) & (part["month"] >= 1) & (part["month"] <= 12) & (day.astype("datetime64[M]") == month)
    good = is_day & (part["hour"] < 24) & (part["minute"] < 60) & (part["second"] < 60)
    time = 3_600 * part["hour"] + 60 * part["minute"] + part["second"]
    return np.where(good, 86_400 * day.astype(np.int64) + time, NO_VALUE)


@lru_cache(maxsize=2**12)
def parse_wall_clock(text: str) -> int | None:
    """`wall_clocks` of one text, remembered, for reports repeat it; None if it is neither a date nor a stamp."""
    seconds = int(wall_clocks(pa.array([text]))[0])
    return None if seconds == NO_VALUE else seconds


def parse_day(text: str) -> int | None:
    """Day number of a date, with or without time; None if a text is none."""
    seconds = parse_wall_clock(text)
    return None if seconds is None else seconds // 86_400


def _whole(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.match(text)
    return int(match[1]) if match else None


def parse_hour(text: str) -> int | None:
    """Hour label of `1`, `01:00`, `24:00`, `1.0` or, as a spreadsheet in US English has it, `01:00:00 PM`; None if a text is none of them."""
    if half := _HALF_DAY.fullmatch(text):
        return int(half[1]) % 12 + 12 * (half[2].upper() == "P")
    return _whole(_HOUR, text)


parse_interval = partial(_whole, re.compile(r"(\d{1,3})(?:\.0+)?$"))
"""Interval number of `1`, `100` or `1.0`; None if a text is none of them."""


def parse_number(text: str) -> float | None:
    """Number of a text, with or without commas between thousands, NaN of a database's NULL; None if it is none.

    Stricter than Python's own reading, which takes 1_000 for a thousand; and 12,5 is not 125.
    """
    if text.strip().upper() == "NULL":
        return float("nan")
    return float(text.replace(",", "")) if _NUMBER.match(text.strip()) else None


def parse_flag(text: str) -> int | None:
    """1 for Y, 0 for N; None if it is neither."""
    return {"Y": 1, "N": 0, "TRUE": 1, "FALSE": 0, "1": 1, "0": 0}.get(text.upper())
