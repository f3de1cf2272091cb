"""Weights and delivered models that are damaged, or that are something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.hostile.harness import Call, Case
from tests.hostile.stage import Stage, copy_of

_SHARES: Final = (0.0, 0.01, 0.3, 0.7, 0.99)
_OTHER_CONTENT: Final[Mapping[str, bytes]] = {
    "a word": b"word",
    "null bytes": b"\0" * 5000,
    "an archive": b"PK\x05\x06" + b"\0" * 18,
    "a page": b"<!DOCTYPE html><html><body>404</body></html>",
    "XML": b"<?xml version='1.0'?><net/>",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
}
_DELIVERED: Final = ("model.xml", "model.bin", "model.onnx")


def cases(stage: Stage) -> Iterator[Case]:
    """Use damaged files in the commands that read them."""
    for share in _SHARES:
        damage = partial(_cut_off, share=share)
        yield from _of_all_files(stage, f"cut off at {share:.0%}", damage)
    for title, content in _OTHER_CONTENT.items():
        yield from _of_all_files(stage, title, partial(_replace, content=content))
    yield from _of_all_files(stage, "missing", Path.unlink)
    yield from _of_all_files(stage, "a folder", _as_folder)
    for title, change in _TENSORS.items():
        for command in ("eval", "export", "calibrate"):
            yield _of_weights(stage, command, title, partial(_change_tensors, change=change))


def _of_all_files(stage: Stage, title: str, damage: Callable[[Path], Any]) -> Iterator[Case]:
    for name in _DELIVERED:
        for command in ("demo", "verify"):
            yield _of_delivered(stage, command, name, title, damage)
    yield _of_weights(stage, "eval", title, damage)
    yield _of_weights(stage, "export", title, damage)


def _of_delivered(
    stage: Stage, command: str, name: str, title: str, damage: Callable[[Path], Any]
) -> Case:
    def make(folder: Path) -> Call:
        export = copy_of(stage.export, folder / "export")
        damage(export / name)
        if command == "verify":
            return Call("tools/verify.py", [export])
        model = export / name.replace(".bin", ".xml")
        output = folder / "out.mp4"
        words = ["--model", model, "--input", stage.clip, "--no-show", "--output", output]
        return Call(stage.work_dir / "demo.py", words, [output])

    return Case("models", f"{command}: {name}: {title}", make, "refused")


def _of_weights(stage: Stage, command: str, title: str, damage: Callable[[Path], Any]) -> Case:
    def make(folder: Path) -> Call:
        weights = copy_of(stage.weights, folder / "odd.pth")
        damage(weights)
        output, words = folder / "out", ["--load-weights", weights]
        if command == "export":
            words += ["--save-model-to", output]
        elif command == "calibrate":
            words += [*stage.files("val"), "--save-to", output, "--num-workers", 0]
        else:
            clips = stage.files("val", "test")
            words += [*clips, "--save-metrics-to", output, "--num-workers", 0]
        return Call(stage.work_dir / f"{command}.py", words, [output])

    return Case("models", f"{command}: weights: {title}", make, "refused")


def _cut_off(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def _replace(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _change_tensors(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    import torch

    content = torch.load(path, weights_only=True)
    change(content["state_dict"])
    torch.save(content, path)


def _fill(value: float) -> Callable[[dict[str, Any]], None]:
    def change(tensors: dict[str, Any]) -> None:
        first = next(name for name, item in tensors.items() if item.ndim > 1)
        tensors[first] = tensors[first].clone().fill_(value)

    return change


def _one_less(tensors: dict[str, Any]) -> None:
    del tensors[next(iter(tensors))]


def _one_more(tensors: dict[str, Any]) -> None:
    first = next(iter(tensors))
    tensors["network.another.weight"] = tensors[first]


def _reshaped(tensors: dict[str, Any]) -> None:
    first = next(name for name, item in tensors.items() if item.ndim > 1)
    tensors[first] = tensors[first].flatten()


def _renamed(tensors: dict[str, Any]) -> None:
    for name in list(tensors):
        tensors[f"module.{name}"] = tensors.pop(name)


def _halves(tensors: dict[str, Any]) -> None:
    first = next(name for name, item in tensors.items() if item.ndim > 1)
    tensors[first] = tensors[first].to_sparse()


def _no_tensor(tensors: dict[str, Any]) -> None:
    tensors[next(iter(tensors))] = "word"


_TENSORS: Final[Mapping[str, Callable[[dict[str, Any]], None]]] = {
    "not a number": _fill(float("nan")),
    "infinite": _fill(float("inf")),
    "one less": _one_less,
    "one more": _one_more,
    "reshaped": _reshaped,
    "renamed": _renamed,
    "sparse": _halves,
    "no tensor": _no_tensor,
}
