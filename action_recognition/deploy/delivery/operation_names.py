"""Names of operations that are the same in every run.

OpenVINO numbers the operations that it makes by a count of the whole process.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import openvino

# A name that OpenVINO made ends in a number.
_NUMBERED: Final = re.compile(r".*_\d+")


def settle_names(model: openvino.Model, known: Collection[str]) -> None:
    """Number operations by their place in the order of computation.

    This changes numbered names that are not `known`.
    """
    for place, node in enumerate(model.get_ordered_ops()):
        name = node.get_friendly_name()
        if name not in known and _NUMBERED.fullmatch(name):
            node.set_friendly_name(f"{node.get_type_name()}_made_{place}")


def names_of(model: openvino.Model) -> set[str]:
    """Return the names of all operations."""
    return {node.get_friendly_name() for node in model.get_ops()}
