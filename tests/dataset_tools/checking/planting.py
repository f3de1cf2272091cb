"""What plants register themselves with: a fault, and what has to be found of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.dataset_tools.checking.made import DataSet


class Plant(NamedTuple):
    """A fault; `others` are kinds that are found at the same line by nature; `repaired`: a check of
    the repaired copy finds nothing.
    """

    name: str
    kind: str
    place: tuple[str, int | None]
    repair: str
    plant: Callable[[DataSet], object]
    repaired: bool
    others: tuple[str, ...]
    options: dict[str, object]


PLANTS: list[Plant] = []


def fault(
    kind: str,
    place: tuple[str, int | None],
    repair: str,
    repaired: bool = False,
    others: tuple[str, ...] = (),
    **options: object,
) -> Callable[[Callable[[DataSet], object]], Callable[[DataSet], object]]:
    def remember(plant: Callable[[DataSet], object]) -> Callable[[DataSet], object]:
        PLANTS.append(Plant(plant.__name__, kind, place, repair, plant, repaired, others, options))
        return plant

    return remember
