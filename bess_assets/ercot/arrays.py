"""Types of the arrays that hold rows, grids and codes."""

import numpy as np
import numpy.typing as npt

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
