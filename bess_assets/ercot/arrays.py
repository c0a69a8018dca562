"""Types of the arrays that hold rows, grids and codes; Arrow's numbers as such an array."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

FloatArray = npt.NDArray[np.float64]
"""Quantities; NaN is unknown."""
IntArray = npt.NDArray[np.int64]
"""Seconds, day numbers, positions."""
BoolArray = npt.NDArray[np.bool_]
CodeArray = npt.NDArray[np.integer]
"""Integers of any width, each the code of a text or another distinct value."""
SecondsArray = npt.NDArray[np.int16]
"""Observed seconds of quarter-hours, up to 900."""
SourceArray = npt.NDArray[np.int8]
"""Places in `products.SOURCES`, -1 where unknown."""
NO_VALUE = np.iinfo(np.int64).min
"""A blank in integer columns."""


def floats(column: pa.DoubleArray, blank: float = np.nan) -> FloatArray:
    """Numbers of an Arrow array, another value where it is null: a third of the time that Arrow takes to look at the nulls one by one."""
    validity, values = column.buffers()
    there = slice(column.offset, column.offset + len(column))
    numbers = np.frombuffer(values, np.float64)[there] if values else np.full(len(column), blank)
    if not column.null_count:
        return numbers
    known = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")[there].view(np.bool_)
    return np.where(known, numbers, blank)


def distinct(values: IntArray) -> IntArray:
    """Distinct values, ascending; NumPy from 2.3 on hashes them for this, which takes thirty times as long where most differ."""
    ordered = np.sort(values, axis=None)
    return ordered[np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))]
