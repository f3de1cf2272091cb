"""README.md and docs/published_models.md: their commands run as they stand, on tiny data."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from action_recognition.building.command import build_parser as build_model_parser
from action_recognition.template import load_template
from action_recognition.workdir import InstantiateOptions, instantiate, silent
from tests.conftest import REPOSITORY, template_dir
from tests.synthetic import numbered_frames, write_lines, write_video
from tests.tiny import moving_bar, tiny_template
from tests.warm import warm_python
from tests.warm.client import start_variables

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = sorted((REPOSITORY / "docs").rglob("*.md"))
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(str(page.relative_to(REPOSITORY)) for page in PAGES),
]
WALK = (REPOSITORY / "docs" / "published_models.md").read_text(encoding="utf-8")
README_BLOCKS = re.findall(r"^```bash\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", WALK, re.MULTILINE | re.DOTALL)
NEWCOMERS_BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
TEST_COMMAND = "./init_venv.sh && venv/bin/python -m pytest -n logical --dist loadfile"
MAIN_COMMAND = "./init_venv.sh && venv/bin/python tools/quickstart.py"
WORK_DIR_SCRIPTS = ("train.py", "eval.py", "export.py", "demo.py")


def _commands() -> list[list[str]]:
    """Return every command of the walk, cut into words. Continued lines are one command."""
    return [
        shlex.split(line)
        for block in BLOCKS
        for line in block.replace("\\\n", " ").splitlines()
        if line.strip()
    ]


def _calls_of(script: str) -> list[list[str]]:
    """The arguments of each call of a script."""
    return [words[2:] for words in _commands() if words[0] == "python" and words[1] == script]


def _help(module: str, *arguments: object) -> str:
    command = importlib.import_module(f"action_recognition.commands.{module}")
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        command.main(*arguments, ["--help"])
    return said.getvalue()


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = InstantiateOptions(load_snapshot=False, say=silent)
    return instantiate(
        template_dir("jester"), tmp_path_factory.mktemp("readme") / "work", options
    ).path


def test_the_two_commands_stand_alone_in_a_block_each() -> None:
    assert [block.strip() for block in README_BLOCKS] == [MAIN_COMMAND, TEST_COMMAND]


def test_the_readme_is_short_enough_to_read() -> None:
    assert len(README.splitlines()) <= 200


def test_ci_runs_the_test_command_as_it_stands() -> None:
    assert TEST_COMMAND in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_every_script_that_a_command_names_is_there() -> None:
    named = {
        words[1] for words in _commands() if words[0] == "python" and not words[1].startswith("-")
    }
    named |= {word for words in _commands() for word in words if word.startswith("tools/")}
    assert {"tools/instantiate_template.py", *WORK_DIR_SCRIPTS} <= named
    for script in named:
        assert (REPOSITORY / script).is_file() or (
            REPOSITORY / "tools" / "workdir" / script
        ).is_file(), script


@pytest.mark.parametrize("script", ["tools/instantiate_template.py", *WORK_DIR_SCRIPTS])
def test_the_flags_of_each_command_exist(script: str, work_dir: Path) -> None:
    calls = _calls_of(script)
    assert calls, f"docs/published_models.md shows no call of {script}"
    text = (
        _help("instantiate") if script.startswith("tools/") else _help(Path(script).stem, work_dir)
    )
    for words in calls:
        for flag in (word for word in words if word.startswith("--")):
            assert re.search(rf"{flag}\b", text), f"{script} has no {flag}"


def test_flags_in_the_text_exist_too(work_dir: Path) -> None:
    known = _help("instantiate") + "".join(
        _help(Path(script).stem, work_dir) for script in WORK_DIR_SCRIPTS
    )
    for flag in sorted(set(re.findall(r"`(--[a-z][a-z0-9-]*)", README + WALK))):
        assert re.search(rf"{flag}\b", known), f"no command has {flag}"


def test_the_newcomers_commands_have_flags_that_exist() -> None:
    (build, run) = [block.splitlines() for block in NEWCOMERS_BLOCKS]
    assert run == ["cd my_model/export", "python run.py"]
    (command,) = build
    python, script, *words = shlex.split(command)
    assert (python, script) == ("python", "tools/build_model.py")
    arguments = build_model_parser().parse_args(words)
    assert (arguments.source, arguments.output) == (Path("my_clips"), Path("my_model"))


@pytest.mark.parametrize("variant_row", ["msasl", "jester"])
def test_the_table_states_the_figures_of_the_templates(variant_row: str) -> None:
    template = load_template(template_dir(variant_row) / "template.yaml")
    (row,) = [line for line in README.splitlines() if line.startswith(f"| [{template.name}]")]
    for metric in template.metrics:
        assert f"| {metric.value} {metric.unit} |" in row
    assert f"| {len(template.labels)} " in row
    assert (
        f"{template.input.clip_len} frames at {template.input.frame_rate_fps:.0f} fps, "
        f"{template.input.crop_size}x" in row
    )
    assert row.endswith(f"| {template.gpu_num} |")


def _headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    page = REPOSITORY / document
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in _headings(target), link


def test_every_page_is_in_the_index_of_its_folder() -> None:
    for folder in (REPOSITORY / "docs", REPOSITORY / "docs" / "results"):
        index = (folder / "README.md").read_text(encoding="utf-8")
        pages = {page.name for page in folder.glob("*.md")} - {"README.md"}
        assert [page for page in sorted(pages) if f"]({page})" not in index] == []


@pytest.mark.parametrize(
    ("job", "most"),
    [
        ("From a template to a trained model", 15),
        ("From a trained model to an IR", 7),
        ("From a camera to an event", 8),
    ],
)
def test_the_files_to_read_for_a_job_are_there_and_few(job: str, most: int) -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (paragraph,) = re.findall(rf"\*\*{job}:\*\*(.*?)\n\n", text, re.DOTALL)
    files = re.findall(r"`([\w/]+\.py)`", paragraph)
    assert 5 <= len(files) <= most
    for file in files:
        assert (REPOSITORY / "action_recognition" / file).is_file(), file


@pytest.mark.parametrize(
    ("message", "source"),
    [
        ("Python 3.11 or newer is needed", "init_venv.sh"),
        ("cannot make virtual environments", "init_venv.sh"),
        ("the package index cannot be reached", "init_venv.sh"),
        ("OpenCV does not start: ", "init_venv.sh"),
        ("made and lacks only ", "action_recognition/workdir/start_weights.py"),
        (
            "is not empty and was not made by this command",
            "action_recognition/workdir/place_checks.py",
        ),
        ("was changed since the work dir was made", "action_recognition/workdir/place_checks.py"),
        ("is not a known key", "action_recognition/template/loading.py"),
    ],
)
def test_the_messages_of_the_trouble_table_are_those_that_are_said(
    message: str, source: str
) -> None:
    said = (REPOSITORY / source).read_text(encoding="utf-8")
    said = said.replace("3.$MIN_MINOR", "3.11")
    assert message in said
    assert f"`{message}" in README


@pytest.fixture
def tiny_data(tmp_path: Path) -> Path:
    """Two gestures, six clips of 30 frames, and one clip for the demo."""
    data = tmp_path / "my_gestures"
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        lines = []
        for index in range(count):
            name = f"videos/{split}_{index}.mp4"
            write_video(data / name, numbered_frames(30, first=100 * index))
            lines.append(f"{name} {('wave', 'stop')[index % 2]} 0 30 0 30 30")
        write_lines(data / f"{split}.txt", lines)
    write_video(data / "clip.mp4", numbered_frames(40))
    return data


@pytest.fixture
def quick_template(tmp_path: Path, reference: Path) -> Path:
    """Jester's template with one short epoch, and its weights from disk instead of the network."""
    folder = tmp_path / "templates" / "jester"
    shutil.copytree(template_dir("jester"), folder)
    weights = reference / "jester_public.pth"
    content = weights.read_bytes()
    snapshot = load_template(folder / "template.yaml").snapshot()
    assert snapshot is not None
    changes = {
        snapshot.source: weights.as_uri(),
        f"size: {snapshot.size}": f"size: {len(content)}",
        str(snapshot.sha256): hashlib.sha256(content).hexdigest(),
        "epochs: 65": "epochs: 1",
        "batch_size: 14": "batch_size: 2",
        "num_workers: 2": "num_workers: 0",
    }
    text = (folder / "template.yaml").read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "template.yaml").write_text(text, encoding="utf-8")
    return folder / "template.yaml"


def _walk_script(template: Path, work_dir: Path, data: Path) -> str:
    """Return the walk's blocks with the places of this test. The environment is active already."""
    walk = "".join(BLOCKS)
    for old, new in (
        ("./init_venv.sh\n. venv/bin/activate\n", ""),
        (re.search(r"`realpath .*`", walk).group(), shlex.quote(str(template))),  # type: ignore[union-attr]
        ("/tmp/my_model", shlex.quote(str(work_dir))),
        ("/path/to/my_gestures", shlex.quote(str(data))),
    ):
        assert old in walk, old
        walk = walk.replace(old, new)
    return f"set -e\n{walk}"


def _run_bash(script: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """In the root of the clone, with this interpreter as `python`."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "python").write_text(
        f'#!/bin/sh\nexec {shlex.quote(warm_python())} "$@"\n', encoding="utf-8"
    )
    (binaries / "python").chmod(0o755)
    return subprocess.run(
        ["bash", "-c", script],
        cwd=REPOSITORY,
        env=start_variables(dict(os.environ))
        | {
            "PATH": f"{binaries}:/usr/bin:/bin",
            "PYTHONPATH": str(REPOSITORY),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_the_newcomers_commands_run_as_they_stand(tmp_path: Path) -> None:
    """With a template that trains in a second, and a video in place of the camera."""
    clips = tmp_path / "my clips"
    for label, name in enumerate(("wave", "stop")):
        for number, person in enumerate(("anna", "ben", "carl")):
            frames = moving_bar(label, number)
            write_video(clips / name / f"{person}_{number}.mp4", frames, frame_rate_fps=15)
    build, run = NEWCOMERS_BLOCKS
    template = shlex.quote(str(tiny_template(tmp_path / "tiny", epochs=1).parent))
    video = shlex.quote(str(clips / "wave" / "anna_0.mp4"))
    script = f"{build.rstrip()} --template {template}\n{run.rstrip()} {video}\n"
    for name, place in (("my_clips", clips), ("my_model", tmp_path / "model")):
        script = re.sub(rf"\b{name}\b", shlex.quote(str(place)), script)
    done = _run_bash(f"set -e\n{script}", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for made in ("report.html", "export/model.xml", "work_dir/outputs/best.pth"):
        assert (tmp_path / "model" / made).stat().st_size > 0, made


@pytest.mark.slow
def test_the_walk_runs_as_it_stands(quick_template: Path, tiny_data: Path, tmp_path: Path) -> None:
    work_dir = tmp_path / "model"
    done = _run_bash(_walk_script(quick_template, work_dir, tiny_data), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for made in (
        "snapshot.pth",
        "outputs/latest.pth",
        "metrics.yaml",
        "export/model.xml",
        "export/model.bin",
        "export/model.onnx",
        "demo.mp4",
    ):
        assert (work_dir / made).stat().st_size > 0, made
    assert "accuracy" in (work_dir / "metrics.yaml").read_text(encoding="utf-8")
