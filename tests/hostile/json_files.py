"""JSON files that commands read, with something else in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.hostile.harness import Call, Case
from tests.hostile.stage import Stage, copy_of

# No file of these is right for any reader.
_NEVER_RIGHT: Final[Mapping[str, bytes]] = {
    "empty": b"",
    "cut off": b'{"a": [1, 2',
    "a word": b"word",
    "YAML": b"a: 1\nb: 2\n",
    "deep brackets": b"[" * 200_000 + b"]" * 200_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "many digits": b"9" * 6000,
    "many digits inside": b'{"onset": ' + b"9" * 6000 + b"}",
    "NaN": b'{"onset": NaN, "NaN": NaN}',
    "infinite": b'{"onset": 1e999}',
    "a number": b"1",
    "true": b"true",
    "not UTF-8": b'{"\xff\xfe": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "two values": b"{} {}",
    "a comment": b"{} // comment",
    "a key twice": b'{"onset": 0.5, "onset": 0.6}',
    "lone surrogates": b'{"\\ud800": "\\udfff"}',
    "null bytes": b"\0\0\0\0",
    "nested lists": b"[[[1]]]",
    "a list of null": b"[null, null]",
    "numbers for names": b"[1, 2, 3]",
    "names twice": b'["a", "a", "b"]',
    "empty names": b'["", " ", "b"]',
    "names with newlines": b'["a\\nb", "c\\u0000d", "e"]',
}


def cases(stage: Stage) -> Iterator[Case]:
    """Give each content to each reader."""
    for title, content in _NEVER_RIGHT.items():
        for name, call in _readers(stage).items():
            yield _case(f"{name}: {title}", content, call)


Reader = Callable[[Path, bytes], Call]


def _case(title: str, content: bytes, call: Reader) -> Case:
    return Case("JSON files", title, lambda folder: call(folder, content), "refused")


def _readers(stage: Stage) -> Mapping[str, Reader]:
    def classes(folder: Path, content: bytes) -> Call:
        data = copy_of(stage.data, folder / "data")
        (data / "classes.json").write_bytes(content)
        files = ["--ann-files", data / "val.txt", "--data-roots", data]
        return Call("tools/data/extract.py", [*files, "--output", folder / "out"], [folder / "out"])

    def demo(flag: str) -> Reader:
        def call(folder: Path, content: bytes) -> Call:
            (folder / "odd.json").write_bytes(content)
            output = folder / "out.mp4"
            model = ["--model", stage.export / "model.xml", "--input", stage.clip, "--no-show"]
            words = [*model, "--output", output, flag, folder / "odd.json"]
            return Call(stage.work_dir / "demo.py", words, [output])

        return call

    def delivered(name: str) -> Reader:
        def call(folder: Path, content: bytes) -> Call:
            export = copy_of(stage.export, folder / "export")
            (export / name).write_bytes(content)
            return Call("tools/verify.py", [export])

        return call

    def compared(folder: Path, content: bytes) -> Call:
        (folder / "evaluation.json").write_bytes(content)
        words = ["--load-weights", stage.weights, "--save-model-to", folder / "out"]
        odd = ["--evaluations", folder / "evaluation.json"]
        return Call(stage.work_dir / "export.py", [*words, *odd], [folder / "out"])

    names = ("classes.json", "export_record.json", "model_card.json")
    return {
        "classes.json beside lines": classes,
        "--decision": demo("--decision"),
        "--commands": demo("--commands"),
        "--evaluations": compared,
        **{f"delivered {name}": delivered(name) for name in names},
    }
