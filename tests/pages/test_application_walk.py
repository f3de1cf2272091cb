"""An application on an exported folder, by docs/deploy.md: every command, typed where it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from action_recognition.commands import export
from tests.evaluation.test_calibrating import untrained_work_dir
from tests.pages.blocks import blocks_of
from tests.pages.reader import Reader
from tests.synthetic import write_video
from tests.tiny import LABELS, moving_bar

PAGE = "docs/deploy.md"
# A window or a camera is wanted, or a server that never ends; the last is `tests/compression`.
NOT_TYPED = (
    "python run.py",
    "python run.py --serve*",
    "python run.py stream.mp4 --show",
    "python compress.py --load-weights outputs/best.pth --qat-epochs*",
)


def write_clips(folder: Path) -> None:
    """Two people in each list, who are told by the names of their films."""
    for split, people in (("train", "anna ben"), ("val", "carl dora"), ("test", "eva finn")):
        lines = []
        for seed, person in enumerate(people.split()):
            for label in range(len(LABELS)):
                name = f"videos/{person}_{label}.mp4"
                write_video(folder / name, moving_bar(label, seed), frame_rate_fps=15)
                lines.append(f"{name} {label} 0 8 0 8 15.0\n")
        (folder / f"{split}.txt").write_text("".join(lines))
    (folder / "classes.json").write_text(json.dumps(LABELS))


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """What training and export leave to somebody who builds an application."""
    folder = untrained_work_dir(tmp_path / "my_model")
    (folder / "outputs" / "latest.pth").rename(folder / "outputs" / "best.pth")
    weights = ["--load-weights", str(folder / "outputs" / "best.pth")]
    assert export.main(folder, [*weights, "--save-model-to", str(folder / "export")]) == 0
    return folder


def test_every_command_runs_where_the_page_says(
    work_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = work_dir.parent / "my_clips"
    write_clips(clips)
    for folder in (work_dir, work_dir / "export"):
        write_video(folder / "clip.mp4", moving_bar(0, 7, 24), frame_rate_fps=15)

    places = {"/path/to/my_clips": str(clips), "1,2,all": "1"}
    reader = Reader(work_dir.parent, "my_model", monkeypatch, places)
    typed = [block for block in blocks_of(PAGE) if block.name.startswith("python ")]
    assert [block.name for block in typed] == [
        "python predict.py", "python run.py", "python export.py", "python tools/verify.py",
        "python compress.py", "python eval.py", "python tools/benchmark.py",
    ]  # fmt: skip
    for block in typed:
        reader.types(block, leaving_out=NOT_TYPED)
    said = capsys.readouterr().out
    prediction = json.loads(re.findall(r"^\{.*\}$", said, re.MULTILINE)[0])
    assert set(prediction) >= {"label", "probability", "is_rejected", "reason", "scores"}
    assert "is whole: " in said and "INFO" not in said

    # What the page promises in the folder.
    table = (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8")
    for name in ("model.onnx", "model_fp16.xml", "model_int8.xml", "model_card.md", "run.py"):
        assert (work_dir / "export" / name).is_file() and f"`{name}`" in table
    assert (work_dir / "found.csv").is_file() and (work_dir / "eval_int8/metrics.yaml").is_file()
