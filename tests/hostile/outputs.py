"""Places that cannot be written, that are full, or that are an input."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.hostile.harness import Call, Case
from tests.hostile.stage import Stage, copy_of

_COMMANDS: Final = ("eval", "export", "extract", "split", "import", "instantiate", "demo", "csv")


def cases(stage: Stage) -> Iterator[Case]:
    """Let each command write to each odd place."""
    for command in _COMMANDS:
        for title, place in _places(stage).items():
            yield _case(stage, command, title, place)
        yield _case(stage, command, "files end at 1 kB", _limited)
    for name, make in _over_inputs(stage).items():
        yield Case("outputs", name, make, "refused")


Place = Callable[[Path], Path]


def _limited(folder: Path) -> Path:
    """Let no file grow beyond a size, as `ulimit -f` does: an error of its own for writers."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
    return folder / "output"


def _places(stage: Stage) -> Mapping[str, Place]:
    def inside_a_file(folder: Path) -> Path:
        (folder / "file").write_text("kept")
        return folder / "file" / "output"

    def a_file(folder: Path) -> Path:
        (folder / "output").write_text("kept")
        return folder / "output"

    def a_full_folder(folder: Path) -> Path:
        (folder / "output").mkdir()
        (folder / "output" / "of the user.txt").write_text("kept")
        return folder / "output"

    def a_link_to_nowhere(folder: Path) -> Path:
        (folder / "output").symlink_to(folder / "gone" / "nowhere")
        return folder / "output"

    def a_circle_of_links(folder: Path) -> Path:
        (folder / "one").symlink_to(folder / "other")
        (folder / "other").symlink_to(folder / "one")
        return folder / "one" / "output"

    return {
        "inside a file": inside_a_file,
        "a file": a_file,
        "a folder with a file": a_full_folder,
        "a link to nowhere": a_link_to_nowhere,
        "a circle of links": a_circle_of_links,
        "a full device": lambda folder: Path("/dev/full"),
        "a name that is too long": lambda folder: folder / ("a" * 300),
        "the folder of processes": lambda folder: Path("/proc/output"),
    }


def _over_inputs(stage: Stage) -> Mapping[str, Callable[[Path], Call]]:
    """Return calls whose output is what they read, or another output. Nothing may be replaced."""

    def table(command: str, name: str) -> Callable[[Path], Call]:
        def make(folder: Path) -> Call:
            data = copy_of(stage.data, folder / "data")
            words = ["--ann-files", data / "val.txt", "--data-roots", data, "--json", data / name]
            return Call(f"tools/data/{command}.py", words)

        return make

    def predict(*words: str) -> Callable[[Path], Call]:
        def make(folder: Path) -> Call:
            clip = copy_of(stage.clip, folder / "clips" / "a.mp4")
            model = copy_of(stage.export, folder / "export")
            flags = [word.replace("HERE", str(folder)) for word in words]
            source = clip.parent if "folder" in flags else clip
            flags = [word for word in flags if word != "folder"]
            script = stage.work_dir / "predict.py"
            return Call(script, ["--model", model, source, *flags])

        return make

    return {
        **{
            f"{command}: --json is {name}": table(command, name)
            for command in ("check", "stats")
            for name in ("val.txt", "classes.json", "videos")
        },
        "predict: --csv is the clip": predict("--csv", "HERE/clips/a.mp4"),
        "predict: --json is a clip of the folder": predict("folder", "--json", "HERE/clips/a.mp4"),
        "predict: --csv is the model": predict("--csv", "HERE/export/model.xml"),
        "predict: --json is the record": predict("--json", "HERE/export/export_record.json"),
        "predict: --csv is --json": predict("--csv", "HERE/a", "--json", "HERE/a"),
    }


def _case(stage: Stage, command: str, title: str, place: Place) -> Case:
    def make(folder: Path) -> Call:
        data = copy_of(stage.data, folder / "data")
        return _call(stage, command, data, place(folder))

    return Case("outputs", f"{command}: {title}", make, codes=(0, 1))


def _call(stage: Stage, command: str, data: Path, output: Path) -> Call:
    files = ["--ann-files", data / "val.txt", "--data-roots", data]
    weights = ["--load-weights", stage.weights]
    demo = ["--model", stage.export / "model.xml", "--input", stage.clip, "--no-show"]
    tests = [*stage.files("val", "test"), "--num-workers", 0]
    calls: dict[str, tuple[str | Path, list[object]]] = {
        "eval": (stage.work_dir / "eval.py", [*weights, *tests, "--save-metrics-to", output]),
        "export": (stage.work_dir / "export.py", [*weights, "--save-model-to", output]),
        "extract": ("tools/data/extract.py", [*files, "--output", output]),
        "split": ("tools/data/split.py", [*files, "--output", output]),
        "import": ("tools/data/import_clips.py", [data / "videos", "--output", output]),
        "instantiate": ("tools/instantiate_template.py", [stage.template, output]),
        "demo": (stage.work_dir / "demo.py", [*demo, "--output", output.with_suffix(".mp4")]),
        "csv": (stage.work_dir / "demo.py", [*demo, "--csv", output]),
    }
    script, arguments = calls[command]
    return Call(script, arguments)
