"""Names of one battery's resources, and rows of a registry in which it is known in one way or another."""

from typing import Any

Row = dict[str, Any]
"""Values by canonical column; a column that no row has is absent from the file, one that some rows lack is blank in those."""
GEN, LOAD, ESR = "ALPHA_BESS1", "ALPHA_LD1", "ALPHA_ESR1"
KEY = "ALPHA_1"
NODE = "ALPHA_RN"
WIND = "WINDY_UNIT1"
"""Somebody else's resource: its row makes an hour held and a stamp a run."""

COMBO: Row = {"gen_resource": GEN, "load_resource": LOAD, "charging": "load", "settlement_points": NODE}
ALONE: Row = {"gen_resource": GEN, "settlement_points": NODE}
USER_SAYS_NONE: Row = {"gen_resource": GEN, "charging": "generation", "settlement_points": NODE}
STORAGE: Row = {"esr_resource": ESR, "charging": "esr", "settlement_points": NODE}
RENAMED: Row = {**COMBO, "esr_resource": ESR}
