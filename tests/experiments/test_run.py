"""The tables of experiments: every row is one that the schema takes, and a table is made of what
the commands wrote.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from action_recognition.commands import instantiate
from action_recognition.commands.search import train_options
from action_recognition.template import load_template_dir
from action_recognition.training.studies.search.space import load_space
from experiments import hand_image_sets
from experiments import run as experiment
from experiments.run import (
    Row,
    _training_flags,
    annotation_files,
    lowest_class,
    main,
    prepare,
    read_table,
    table_lines,
    template_file,
)
from tests.conftest import REPOSITORY
from tests.tiny import tiny_data
from tests.warm import warm_python

TABLES = sorted((REPOSITORY / "experiments").glob("*.yaml"))


@pytest.fixture
def instantiated_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make work dirs in this process: a process for each row takes longer than the rest."""

    def run(command: list[str], **_: object) -> None:
        assert Path(command[1]) == REPOSITORY / "tools" / "instantiate_template.py"
        assert instantiate.main(command[2:]) == 0

    monkeypatch.setattr(experiment, "subprocess", SimpleNamespace(run=run, DEVNULL=None))


@pytest.mark.usefixtures("instantiated_here")
@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_every_row_is_a_work_dir_that_the_schema_takes(table: Path, tmp_path: Path) -> None:
    rows = read_table(table)
    assert rows
    for row in rows:
        assert row.seeds
        original = template_file(row.template).read_text()
        folder = tmp_path / row.name
        prepare(row, folder)
        template, _ = load_template_dir(folder)
        assert template.name == yaml.safe_load(original)["name"]


@pytest.mark.parametrize(
    "space",
    sorted((REPOSITORY / "experiments" / "spaces").glob("*.yaml")),
    ids=lambda path: path.stem,
)
def test_every_space_is_one_that_the_search_takes(space: Path) -> None:
    """Its keys are the template's and its flags those of train.py; what the data sets are is
    another matter.
    """
    found, _ = load_space(space)
    options = train_options(space.parent / found.template, found.train, space.parent)
    assert options.train_ann_files == [space.parent / found.train["train-ann-files"]]


def test_a_row_starts_from_the_defaults(tmp_path: Path) -> None:
    table = tmp_path / "t.yaml"
    table.write_text(
        "defaults: {data: d, template: t, seeds: [0, 1], template_values: {a.b: 1, a.c: 2}}\n"
        "rows:\n  first:\n  second: {seeds: [3], start: imagenet, template_values: {a.c: 5}}\n"
    )
    assert read_table(table) == [
        Row("first", "d", "t", "", {"a.b": 1, "a.c": 2}, {}, (0, 1)),
        Row("second", "d", "t", "imagenet", {"a.b": 1, "a.c": 5}, {}, (3,)),
    ]


@pytest.mark.usefixtures("instantiated_here")
def test_a_misspelt_key_stops_the_row(tmp_path: Path) -> None:
    row = Row(
        "r",
        "d",
        "s3d-rgb-efficientnet-lite0-stream",
        template_values={"training.augmentations.shift": 1},
    )
    with pytest.raises(KeyError, match="augmentations"):
        prepare(row, tmp_path / "r")
    row = Row(
        "r",
        "d",
        "s3d-rgb-efficientnet-lite0-stream",
        template_values={"training.augmentation.shifts": 1},
    )
    with pytest.raises(KeyError, match="shifts"):
        prepare(row, tmp_path / "r")


def test_a_row_that_is_not_there_is_named_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(
            [
                str(TABLES[0]),
                "--data-root",
                str(tmp_path),
                "--out",
                str(tmp_path / "out"),
                "--rows",
                "all,mixupp",
            ]
        )
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "--rows mixupp: not in" in said and "mixup, cutmix" in said
    assert not (tmp_path / "out").exists()


def test_clips_that_a_row_leaves_out_or_validates_on(tmp_path: Path) -> None:
    root, folder = tmp_path / "data", tmp_path / "work"
    root.mkdir()
    folder.mkdir()
    (root / "classes.json").write_text('["a"]')
    (root / "train.txt").write_text("x.mp4 a\ny.mp4 a\nz.mp4 a\n")
    (root / "val.txt").write_text("v.mp4 a\n")
    (root / "metadata.csv").write_text("file,shows_word\nx.mp4,0\ny.mp4,1\nz.mp4,0\n")
    assert annotation_files(Row("r", "d", "t"), root, folder) == {
        "train": root / "train.txt",
        "val": root / "val.txt",
    }
    files = annotation_files(Row("r", "d", "t", without="shows_word"), root, folder)
    assert files["train"].read_text() == "x.mp4 a\nz.mp4 a\n"
    assert files["val"].read_text() == "v.mp4 a\n"
    assert (folder / "classes.json").exists()
    files = annotation_files(Row("r", "d", "t", validate_too="^[xy]"), root, folder)
    assert files["train"].read_text() == "z.mp4 a\n"
    assert files["val"].read_text() == "v.mp4 a\nx.mp4 a\ny.mp4 a\n"


def test_the_table_has_the_mean_and_each_seed() -> None:
    results = [
        {
            "row": "r",
            "seed": seed,
            "train_minutes": 2.0,
            "val": {"top1": top1, "top5": 90.0, "clips": 10},
        }
        for seed, top1 in ((0, 50.0), (1, 60.0))
    ]
    lines = list(table_lines([Row("r", "d", "t"), Row("not run", "d", "t")], results))
    assert lines[0] == "| row | seeds | val top-1 | val top-5 | train, min |"
    assert lines[2:] == ["| r | 0, 1 | 55.0 (50.0 60.0) | 90.0 (90.0 90.0) | 2.0 |"]


def test_the_lowest_class_and_another_set_have_their_columns(tmp_path: Path) -> None:
    per_class = [
        {"label": "a", "num_clips": 4, "right": 3},
        {"label": "b", "num_clips": 2, "right": 1},
        {"label": "c", "num_clips": 0, "right": 0},
    ]
    (tmp_path / "evaluation.json").write_text(json.dumps({"per_class": per_class}))
    assert lowest_class(tmp_path / "evaluation.json") == 50.0
    split = {"top1": 50.0, "top5": 90.0, "clips": 10, "mean_of_classes": 62.5, "lowest_class": 50.0}
    result = {
        "row": "r",
        "seed": 0,
        "train_minutes": 2.0,
        "test": split,
        "elsewhere": split | {"top1": 40.0},
    }
    lines = list(table_lines([Row("r", "d", "t")], [result]))
    assert lines[0].endswith(
        "| elsewhere top-1 | elsewhere top-5 | test mean of classes | test lowest class | "
        "train, min |"
    )
    assert lines[2].endswith("| 40.0 | 90.0 | 62.5 | 50.0 | 2.0 |")


def test_a_row_starts_from_the_same_or_a_named_seed_of_another_table(tmp_path: Path) -> None:
    options = argparse.Namespace(num_workers=1, frame_cache=None)
    flags = _training_flags(
        Row("r", "d", "t", "run:first/modern"),
        2,
        tmp_path / "data",
        tmp_path / "out/second/r-2",
        options,
    )
    assert flags[flags.index("--load-weights") + 1] == str(
        tmp_path / "out/first/modern-2/outputs/latest.pth"
    )
    assert flags[flags.index("--seed") + 1] == "2"
    flags = _training_flags(
        Row("r", "d", "t", "run:first/modern@0"),
        2,
        tmp_path / "data",
        tmp_path / "out/second/r-2",
        options,
    )
    assert flags[flags.index("--load-weights") + 1] == str(
        tmp_path / "out/first/modern-0/outputs/latest.pth"
    )
    assert "--load-weights" not in _training_flags(
        Row("r", "d", "t"), 2, tmp_path, tmp_path / "out/second/r-2", options
    )


@pytest.mark.slow
def test_a_table_runs_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", warm_python())
    data = tiny_data(tmp_path / "data", clips_per_class=2)
    (data / "test.txt").write_text((data / "val.txt").read_text())
    small = (
        "input.clip_len: 2, input.crop_size: 32, input.resize_short_side: 32, "
        "hyper_parameters.basic.epochs: 1"
    )
    template = "template: s3d-rgb-efficientnet-lite0-stream"
    defaults = f"{{data: data, {template}, seeds: [0], template_values: {{{small}}}}}"
    table = tmp_path / "table.yaml"
    table.write_text(f"defaults: {defaults}\nrows:\n  first: {{start: imagenet}}\n")
    flags = [
        str(table),
        "--data-root",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
        "--num-workers",
        "0",
        "--threads",
        "1",
    ]
    assert main(flags) == 0
    result = tmp_path / "out/table/first-0/result.json"
    before = json.loads(result.read_text())
    assert set(before) == {"row", "seed", "train_minutes", "val"}
    assert main([*flags, "--test"]) == 0
    after = json.loads(result.read_text())
    assert after["train_minutes"] == before["train_minutes"]
    assert after["val"] == after["test"]
    table_text = (tmp_path / "out/table.md").read_text()
    assert [line.split(" | ")[0] for line in table_text.splitlines()[2:]] == ["| first"]
    assert (
        "| val top-1 | val top-5 | test top-1 | test top-5 | both top-1 | both top-5 |"
        in table_text
    )
    assert table_text in capsys.readouterr().out


def test_rows_of_photos_say_network_and_crop(tmp_path: Path) -> None:
    row = Row("r", "d", "signs-64", backbone="resnet18", crop="hand", weights="best")
    options = argparse.Namespace(num_workers=1, frame_cache=None, hand_detector="hands.onnx")
    flags = _training_flags(row, 0, tmp_path, tmp_path / "out/t/r-0", options)
    assert (
        flags[flags.index("--backbone") + 1] == "resnet18"
        and flags[flags.index("--crop") + 1] == "hand"
    )
    assert flags[flags.index("--hand-detector") + 1] == str(Path("hands.onnx").resolve())
    assert (
        template_file("signs-64").is_file()
        and template_file("s3d-rgb-efficientnet-lite0-stream").is_file()
    )


def test_the_published_photo_sets_become_folders(real_data: Path, tmp_path: Path) -> None:
    assert hand_image_sets.main([str(real_data / "hand_images"), str(tmp_path)]) == 0
    counts = {
        folder.name: [
            len((folder / f"{name}.txt").read_text().splitlines())
            for name in ("train", "val", "test")
        ]
        for folder in tmp_path.iterdir()
    }
    assert counts == {
        "sign_digits_6": [425, 61, 124],
        "sign_digits": [714, 101, 208],
        "sign_digits_as_fingers": [357, 51, 104],
        "finger_counting": [385, 97, 303],
        "hagrid_380": [228, 57, 95],
        "hands_together": [1327, 255, 606],
    }
    classes = json.loads((tmp_path / "hands_together/classes.json").read_text())
    for line in (tmp_path / "hands_together/train.txt").read_text().splitlines():
        path, label = line.rsplit(" ", 1)
        origin, gesture, _ = path.split("/")  # every set keeps a folder for each class
        assert (
            classes[int(label)] == f"{origin}_{gesture}"
            and (tmp_path / "hands_together" / path).is_file()
        )
