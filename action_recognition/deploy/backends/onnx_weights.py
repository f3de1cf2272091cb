"""The floating-point weights of an ONNX file, without a package that parses ONNX.

Source: onnx.proto3, messages ModelProto, GraphProto and TensorProto; the wire format of protobuf.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

# Numbers of fields.
_GRAPH, _INITIALIZER = 7, 5
_DATA_TYPE, _FLOATS, _NAME, _RAW = 2, 4, 8, 9
# Element types: FLOAT, FLOAT16, DOUBLE.
_TYPES = {1: "<f4", 10: "<f2", 11: "<f8"}
# Wire types.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def float_weights(content: memoryview) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield name and values, flat, of each floating-point initializer of the main graph.

    `content` is a file that ONNX Runtime has read. Values that lie in other files are left out.
    Raises ValueError: it is no such file.
    """
    for number, graph in _fields(content):
        if number != _GRAPH or isinstance(graph, int):
            continue
        for inner, tensor in _fields(graph):
            if inner == _INITIALIZER and not isinstance(tensor, int):
                yield from _tensor(tensor)


def _tensor(message: memoryview) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield a tensor if its type is one of `_TYPES`. Its values stand in one of two fields."""
    found = dict(_fields(message))
    kind, name = _TYPES.get(found.get(_DATA_TYPE, 0)), bytes(found.get(_NAME, b""))  # type: ignore[arg-type]
    values = found.get(_RAW) or found.get(_FLOATS)
    if kind is not None and isinstance(values, memoryview):
        yield name.decode("utf-8", "replace"), np.frombuffer(values, kind)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field: a whole number, or bytes."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue

        if wire_type == _BYTES:
            length, place = _varint(message, place)
        elif wire_type in (_FIXED32, _FIXED64):
            length = 4 if wire_type == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire_type}")
        yield number, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, lowest first, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a number without an end")
