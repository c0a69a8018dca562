"""Whether a fault came out as declared."""

from bess_assets_tests.faults.catalogue import Fault
from bess_assets_tests.faults.planting import Planted


def differences(fault: Fault, planted: Planted) -> list[str]:
    """What is otherwise than declared; empty if nothing is."""
    said = []
    if planted.outcome != fault.outcome:
        said.append(f"outcome {planted.outcome}, declared {fault.outcome}")

    def seen(where: str, text: str) -> bool:
        return any(sign.where == where and text in sign.text for sign in planted.signs)

    said += [f"not seen: {text!r} in {where}" for where, text in fault.seen if not seen(where, text)]
    if fault.outcome == "cannot be seen" and planted.size != fault.size:
        said.append(f"moves {planted.size}, declared {fault.size or 'nothing'}")
    if said:
        said += [f"sign in {sign.where}: {sign.text.splitlines()[0]}" for sign in planted.signs[:12]]
        said += [f"silent: {c.row} {c.column} {c.before} became {c.after}" for c in planted.unmarked[:4]]
    return said
