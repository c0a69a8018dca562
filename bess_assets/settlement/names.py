"""What the names of a year's resources show: whether the datasets spell them alike."""

import re
from collections.abc import Mapping
from difflib import get_close_matches

from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.step import Inputs
from bess_assets.errors import InputError

_ERCOT_NAME = re.compile(r"[A-Z0-9_]+")
_LEAST_NAMES = 3  # of fewer resources each may lack rows in one of two datasets


def refuse_other_names(inputs: Inputs, names: Mapping[str, set[str]]) -> None:
    """Refuse day-ahead and SCED files of which one spells the resources of the other differently: each would be a battery of its own.

    Raises:
        InputError: names of both datasets, and that none of one is known to the other.
    """
    one, other = names
    if min(map(len, names.values())) < _LEAST_NAMES or not names[one].isdisjoint(names[other]):
        return
    # ERCOT writes capitals, digits and underscores
    odd = max(names, key=lambda dataset: sum(not _ERCOT_NAME.fullmatch(name) for name in names[dataset]))
    known = other if odd == one else one
    near = ((name, match) for name in sorted(names[odd]) for match in get_close_matches(name.upper(), names[known], 1))
    name, match = next(near, (min(names[odd]), min(names[known])))
    raise InputError(
        f"None of the {len(names[odd])} resources of {DATASETS[odd].folder} is known to {DATASETS[known].folder}: {name!r} is perhaps {match!r}.",
        dataset=odd,
        file=inputs.rollups.files(odd, inputs.year.year)[-1],
        column=DATASETS[odd].columns["resource_name"].headings[0],
        expected="names as ERCOT writes them, the same in every dataset of a year",
        remedy="Write the file again from ERCOT's reports, names as text and unchanged.",
    )
