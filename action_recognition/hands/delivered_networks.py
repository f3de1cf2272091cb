"""The hand networks that a delivered folder holds beside its model, as IR: read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from action_recognition.errors import UserError, user_error
from action_recognition.hands.network_names import HAND_IR, PALM_IR
from action_recognition.openvino_core import openvino_core

_COPY: Final = "it is damaged, cut short or another file; export again, or copy it again"
Shape = tuple[int, ...]


class _Ports(NamedTuple):
    """Shapes of a network's input and of its outputs, in the order of the file."""

    input: Shape
    outputs: tuple[Shape, ...]


_PORTS: Final[Mapping[str, _Ports]] = {
    PALM_IR: _Ports((1, 192, 192, 3), ((1, 2016, 18), (1, 2016, 1))),
    HAND_IR: _Ports((1, 224, 224, 3), ((1, 63), (1, 1), (1, 1), (1, 63))),
}


def delivered_networks(folder: Path) -> tuple[Path, Path] | None:
    """Return the IRs of palms and of landmarks in a folder, None where it holds neither.

    Raises UserError: one of them is missing.
    """
    files = (folder / PALM_IR, folder / HAND_IR)
    missing = [file for file in files if not file.is_file()]
    if len(missing) == len(files):
        return None
    if missing:
        found = "there is no such file; the networks of palms and of hands belong together"
        raise user_error(str(missing[0]), found, fix="copy both, or export again")
    return files


def read_delivered(file: Path) -> Any:
    """Return one of the two IRs as an `openvino.Model`.

    Raises UserError: it cannot be read, is another network than its name says, or has a weight that
    is NaN or infinite.
    """
    weights = file.with_suffix(".bin")
    if not weights.is_file():
        found = "there is no such file; an IR is .xml and .bin together"
        raise user_error(str(weights), found, fix="copy both")
    try:
        network = openvino_core().read_model(file)
    except RuntimeError as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1].strip()[:200]
        found = f"is not a readable network of hands ({reason})"
        raise user_error(str(file), found, fix=_COPY) from None
    _check_ports(file, network)
    _check_weights(file, network)
    return network


def _check_ports(file: Path, network: Any) -> None:
    """Raise UserError where input or outputs are those of another network."""
    stated = [_shape(port) for port in (*network.inputs, *network.outputs)]
    known = _PORTS[file.name]
    if stated != [known.input, *known.outputs]:
        found = f"is another network: its input and outputs are {_said(stated)}"
        raise user_error(str(file), found, _said([known.input, *known.outputs]), _COPY)


def _check_weights(file: Path, network: Any) -> None:
    for node in network.get_ops():
        if node.get_type_name() != "Constant" or not node.get_element_type().is_real():
            continue
        if not np.isfinite(node.data).all():
            raise _useless(file, node)


def _useless(file: Path, node: Any) -> UserError:
    """Return the error for a constant with values that are no numbers."""
    num_wrong = int((~np.isfinite(node.data)).sum())
    name = node.get_friendly_name()
    found = f"{num_wrong} of {node.data.size} weights of {name} are NaN or infinite"
    return user_error(str(file), found, "finite numbers", _COPY)


def _shape(port: Any) -> Shape:
    """Return the shape of an input or output, -1 for a size that is not fixed."""
    sizes = port.get_partial_shape()
    if sizes.rank.is_dynamic:
        return (-1,)
    return tuple(size.get_length() if size.is_static else -1 for size in sizes)


def _said(shapes: list[Shape]) -> str:
    return ", ".join("x".join(map(str, shape)) for shape in shapes)
