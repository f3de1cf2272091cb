"""From a folder of clips to an exported model and its page, by one command."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.data.media import made
from tests.synthetic import write_video
from tests.tiny import moving_bar, tiny_template
from tests.warm import warm_python

CLASSES = ("to the left", "to the right", "no gesture")
PEOPLE = ("anna", "ben", "carl", "dora")


def build(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [warm_python(), str(REPOSITORY / "tools" / "build_model.py"), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def test_a_folder_becomes_a_model_and_a_page_that_tells_how(tmp_path: Path) -> None:
    clips, output = tmp_path / "my <clips>", tmp_path / "model"
    for label, name in enumerate(CLASSES):
        for number, person in enumerate(PEOPLE):
            frames = moving_bar(label, number)
            write_video(clips / name / f"{person}_{number}.mp4", frames, frame_rate_fps=15)
    # Two as a camera and a browser give them, and one that is none.
    made.write_cut(clips / CLASSES[0] / "anna_8.ts").with_name("whole.ts").unlink()
    write_video(clips / CLASSES[1] / "ben_8.webm", moving_bar(1, 8), 15, codec="libvpx")
    (clips / CLASSES[0] / "broken.mp4").write_bytes(b"no video")
    template = tiny_template(tmp_path / "tiny", epochs=1).parent
    words = (clips, "--output", output, "--template", template, "--folds", 2)
    words = (*words, "--person-regex", r"/([a-z]+)[_.]")

    # The plan alone writes nothing.
    planned = build(*words, "--dry-run")
    assert planned.returncode == 0 and not output.exists(), planned.stderr
    assert "'no gesture' is taken for no gesture" in planned.stdout

    done = build(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "% of 14 clips are right" in done.stdout
    assert "broken.mp4" in done.stdout  # what was not taken, and why

    # The card has what was measured, on whom, and the model knows what means nothing.
    card = json.loads((output / "export" / "model_card.json").read_text())
    (evaluation,) = card["evaluations"]
    assert (evaluation["num_folds"], evaluation["num_people"], evaluation["num_clips"]) == (
        2,
        4,
        14,
    )
    record = json.loads((output / "build.json").read_text())
    assert [*record["steps"]] == [
        "import", "check", "work dir", "train", "calibrate", "evaluate", "export"
    ]  # fmt: skip

    # One file, in which nothing of the data is markup.
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "my &lt;clips&gt;" in page and "<clips>" not in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page) and "<script" not in page
    for text in ("95 % interval", "What to record next", "python train.py", "run.py", "broken.mp4"):
        assert text in page, text
    if evaluation["top1_of_clips"] < 100:
        assert "data:image/webp;base64," in page

    # The same command again does nothing twice.
    again = build(*words)
    assert again.returncode == 0 and again.stdout.count("done before") == 7, again.stdout

    # The folder works alone.
    found = subprocess.run(
        [warm_python(), "run.py", "--clip", str(clips / CLASSES[0] / "anna_0.mp4")],
        cwd=output / "export",
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    prediction = json.loads(found.stdout)
    assert {row["label"] for row in prediction["scores"]} == set(CLASSES)
    assert abs(sum(row["probability"] for row in prediction["scores"]) - 1) < 1e-6
