"""Import Lightning and torchmetrics without the libraries that this toolkit does not use of them.

torchmetrics imports SciPy, torchvision and Matplotlib wherever they are installed, for pictures,
sounds and images. Lightning imports PyTorch's compiler for the name of a class and for a decorator.
Together they are half of the CPU time before the first step. While one of the two is imported, its
heavy libraries count as not installed, and the compiler has those two names alone. Afterwards
anyone can import all of them.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final

_HEAVY = ("scipy", "torchvision", "matplotlib")
_COMPILER: Final = "torch._dynamo"


def import_lean() -> None:
    """From now on, import Lightning and torchmetrics lean. They are imported when needed."""
    windows = {name: window for name, window in _WINDOWS.items() if name not in sys.modules}
    if windows:
        sys.meta_path.insert(0, _Finder(windows))


class _Finder(MetaPathFinder):
    """Finds each of the packages once, and has it run in its window."""

    def __init__(self, windows: Mapping[str, Callable[[], AbstractContextManager[None]]]) -> None:
        self._windows = dict(windows)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        window = self._windows.pop(name, None)
        if window is None:
            return None
        if not self._windows:
            sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _LeanLoader(spec.loader, window)
        return spec


class _LeanLoader(Loader):
    """A loader that runs the module while its heavy libraries are hidden."""

    def __init__(self, loader: Loader, window: Callable[[], AbstractContextManager[None]]) -> None:
        self._loader, self._window = loader, window

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with self._window():
            self._loader.exec_module(module)


@contextlib.contextmanager
def _without_heavy_libraries() -> Iterator[None]:
    """Hide the heavy libraries from imports and from the look-up of installed versions."""
    hidden = [name for name in _HEAVY if name not in sys.modules]
    distribution = importlib.metadata.Distribution
    real, as_it_was = distribution.from_name, distribution.__dict__["from_name"]

    def from_name(name: str) -> importlib.metadata.Distribution:
        if name in hidden:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    # A module that is None cannot be imported.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    distribution.from_name = staticmethod(from_name)  # type: ignore[method-assign]
    try:
        yield
    finally:
        distribution.from_name = as_it_was  # type: ignore[method-assign]
        for name in hidden:
            sys.modules.pop(name, None)


@contextlib.contextmanager
def _without_compiler() -> Iterator[None]:
    """Let a module with the two names stand for PyTorch's compiler.

    Lightning asks whether a model is an `OptimizedModule`, and keeps a part of its logging out of
    what is compiled. Runs compile a backbone in its place: it makes no such object, and has no part
    of Lightning.
    """
    if _COMPILER in sys.modules:
        yield
        return
    stand_in = ModuleType(_COMPILER)
    vars(stand_in).update(
        OptimizedModule=_NeverCompiled, disable=_as_it_is, __getattr__=_of_compiler
    )
    sys.modules[_COMPILER] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(_COMPILER) is stand_in:
            del sys.modules[_COMPILER]


class _NeverCompiled:
    """A class without instances."""


def _as_it_is(function: Any, *_: object, **__: object) -> Any:
    return function


def _of_compiler(name: str) -> Any:
    """Return what the compiler itself has by another name: another Lightning may want more."""
    # What the import system asks of a module is no name of the compiler.
    if name.startswith("__"):
        raise AttributeError(name)
    sys.modules.pop(_COMPILER, None)
    return getattr(importlib.import_module(_COMPILER), name)


_WINDOWS: Final[Mapping[str, Callable[[], AbstractContextManager[None]]]] = {
    "lightning": _without_compiler,
    "torchmetrics": _without_heavy_libraries,
}
