"""Public sets in the layouts in which people unpack them; each test makes a small one.

Sources of the layouts are in the modules of `importing/formats/`.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from action_recognition.commands.data.import_clips import FORMATS, PHOTO_FORMATS, main
from action_recognition.dataset_tools.importing.recognise import READERS, recognise
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import UserError
from tests.conftest import REPOSITORY
from tests.dataset_tools.importing.made import (
    found_in,
    imported,
    lines_of,
    make_folder,
    make_video,
    reasons,
)
from tests.synthetic import write_lines

CLASSES = ("ApplyEyeMakeup", "ApplyLipstick", "Archery")


@pytest.fixture
def ucf(tmp_path: Path) -> Path:
    """UCF101 with two of its three splits."""
    for name in CLASSES:
        for group in (1, 8):
            make_video(tmp_path / "UCF-101" / name / f"v_{name}_g0{group}_c01.avi", num_frames=4)
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    write_lines(lists / "classInd.txt", [f"{at} {name}" for at, name in enumerate(CLASSES, 1)])
    for split, train, test in ((1, 8, 1), (2, 1, 8)):
        rows = [f"{name}/v_{name}_g0{train}_c01.avi {at}" for at, name in enumerate(CLASSES, 1)]
        write_lines(lists / f"trainlist0{split}.txt", rows)
        rows = [f"{name}/v_{name}_g0{test}_c01.avi" for name in CLASSES]
        write_lines(lists / f"testlist0{split}.txt", rows)
    return tmp_path


def test_ucf101_counts_from_one_and_has_three_splits(ucf: Path) -> None:
    data_set = imported(ucf)
    assert recognise(ucf) == "class_lists" and data_set.classes == list(CLASSES)
    assert [line.rsplit(" ", 6)[1] for _, line in data_set.clips["train"]] == ["0", "1", "2"]
    assert [clip.path for clip, _ in data_set.clips["train"]] == [
        f"{name}/v_{name}_g08_c01.avi" for name in CLASSES
    ]
    assert any("--split-number takes another (2)" in text for text in data_set.warnings)
    other = imported(ucf, options=SourceOptions(split_number=2))
    assert "g01" in other.clips["train"][0][0].path
    with pytest.raises(UserError, match=r"--split-number: found 4; allowed: 1, 2"):
        found_in(ucf, options=SourceOptions(split_number=4))


def test_ucf101_with_names_in_another_order_keeps_the_names(ucf: Path) -> None:
    names = ["Archery", "ApplyLipstick", "ApplyEyeMakeup"]
    data_set = imported(ucf, options=SourceOptions(classes=names), classes=names)
    assert {(clip.label, line.split()[1]) for clip, line in data_set.clips["train"]} == {
        ("Archery", "0"),
        ("ApplyLipstick", "1"),
        ("ApplyEyeMakeup", "2"),
    }


def test_a_number_that_contradicts_its_folder_is_an_error(ucf: Path) -> None:
    file = ucf / "ucfTrainTestlist" / "trainlist01.txt"
    rows = file.read_text(encoding="utf-8").splitlines()
    write_lines(file, [rows[0].replace(" 1", " 2"), *rows[1:]])
    with pytest.raises(UserError, match=r"trainlist01.txt:1: class 2 is 'ApplyLipstick', and the"):
        found_in(ucf)


def test_lists_that_count_from_zero_beside_an_index_from_one(ucf: Path) -> None:
    for file in (ucf / "ucfTrainTestlist").glob("trainlist*"):
        rows = [row.rsplit(" ", 1)[0] for row in file.read_text(encoding="utf-8").splitlines()]
        write_lines(file, [f"{row} {number}" for number, row in enumerate(rows)])
    data_set = imported(ucf)
    assert all(clip.label in clip.path for clip, _ in data_set.clips["train"])
    assert any("count the classes from 0" in text for text in data_set.warnings)


@pytest.mark.parametrize("first", [0, 1])
def test_plain_lists_with_names_of_the_user(tmp_path: Path, first: int) -> None:
    for label in ("wave", "stop"):
        make_video(tmp_path / label / "a.mp4", num_frames=3)
    write_lines(tmp_path / "mine.txt", [f"wave/a.mp4 {first}", f"stop/a.mp4 {first + 1}"])
    options = SourceOptions(classes=["wave", "stop"])
    found = found_in(tmp_path / "mine.txt", "original_lists", options)
    assert {(clip.path, clip.label) for clip in found.clips} == {
        ("wave/a.mp4", "wave"),
        ("stop/a.mp4", "stop"),
    }


def test_kinetics_lists_with_a_folder_for_each_part(tmp_path: Path) -> None:
    names = ("abseiling", "air drumming")
    for split in ("train", "val"):
        rows = []
        for number, name in enumerate(names):
            make_video(tmp_path / f"videos_{split}" / name / f"{split}_000001_000011.mp4")
            rows.append(f"{name}/{split}_000001_000011.mp4 {number}")
        write_lines(tmp_path / f"kinetics400_{split}_list_videos.txt", rows)
    data_set = imported(tmp_path)
    assert data_set.classes == list(names) and data_set.data_root == tmp_path
    assert [clip.path for clip, _ in data_set.clips["val"]] == [
        f"videos_val/{name}/val_000001_000011.mp4" for name in names
    ]


def test_tsn_folders_with_flow_and_three_columns(tmp_path: Path) -> None:
    for name in ("Archery", "Bowling"):
        for part in ("train", "val"):
            folder = tmp_path / "rawframes" / name / f"v_{part}"
            for pattern in ("img_{:05d}.jpg", "flow_x_{:05d}.jpg", "flow_y_{:05d}.jpg"):
                make_folder(folder, 5, pattern)
    for part in ("train", "val"):
        rows = [f"Archery/v_{part} 5 0", f"Bowling/v_{part} 5 1"]
        write_lines(tmp_path / f"{part}_videofolder.txt", rows)
    data_set = imported(tmp_path, frame_rate_fps=25.0)
    assert data_set.classes == ["Archery", "Bowling"]
    assert lines_of(data_set)[0] == "Archery/v_train 0 0 5 0 5 25"


@pytest.mark.parametrize("rows", [["a 31 0", "b 47 1"], ["a 0 31", "b 1 47"]])
def test_three_columns_of_videos_are_told_apart_by_their_numbers(
    tmp_path: Path, rows: list[str]
) -> None:
    for name in ("a", "b"):
        make_video(tmp_path / "videos" / f"{name}.mp4", num_frames=3)
    write_lines(tmp_path / "train_list.txt", rows)
    found = found_in(tmp_path)
    assert [(clip.path, clip.label) for clip in found.clips] == [
        ("videos/a.mp4", "0"),
        ("videos/b.mp4", "1"),
    ]
    write_lines(tmp_path / "train_list.txt", ["a 1 0", "b 0 1"])
    with pytest.raises(UserError, match="its 2 numbers a line have more than one meaning"):
        found_in(tmp_path)


def test_four_columns_mean_what_the_index_and_the_frames_allow(tmp_path: Path) -> None:
    for name in ("v1", "v2"):
        make_folder(tmp_path / "frames" / name, 40)
    write_lines(tmp_path / "classIndAll.txt", ["1 swipe", "2 none"])
    write_lines(tmp_path / "trainlistall.txt", ["frames/v1 1 1 20", "frames/v1 2 21 40"])
    write_lines(tmp_path / "vallistall.txt", ["frames/v2 2 1 20"])
    found = found_in(tmp_path)
    assert [(clip.label, clip.span) for clip in found.clips] == [
        ("swipe", (0, 20)),
        ("none", (20, 40)),
        ("none", (0, 20)),
    ]
    for file, rows in (("trainlistall", ["frames/v1 0 20 1"]), ("vallistall", ["frames/v2 5 9 2"])):
        write_lines(tmp_path / f"{file}.txt", rows)
    assert [clip.span for clip in found_in(tmp_path).clips] == [(0, 20), (5, 14)]

    # Without folders both meanings fit, and nobody guesses.
    write_lines(tmp_path / "vallistall.txt", ["frames/gone 1 2 2"])
    with pytest.raises(UserError, match=r"vallistall.txt: its 3 numbers a line have more than one"):
        found_in(tmp_path)
    options = SourceOptions(columns=("label", "start", "end"))
    assert found_in(tmp_path / "vallistall.txt", options=options).left_out


def test_ipn_hand_has_a_negative_class_and_whole_frames(tmp_path: Path) -> None:
    films = ("1CM1_4_R_#229", "1CM42_0_L_#35", "4CM11_3_R_#12")
    for film in films:
        make_video(tmp_path / "videos" / f"{film}.avi", num_frames=40)
    make_folder(tmp_path / "frames" / films[0], 40, films[0] + "_{:06d}.jpg")
    make_folder(tmp_path / "frames" / films[1], 3, films[1] + "_{:06d}.jpg")
    head = ["video,label,id,t_start,t_end,frames"]
    lists = tmp_path / "annotations"
    lists.mkdir()
    train = [f"{films[0]},D0X,1,1,20,20", f"{films[0]},G11,14,21,40,20"]
    train += [f"{films[1]},B0A,2,1,40,40"]
    write_lines(lists / "Annot_TrainList.txt", head + train)
    write_lines(lists / "Annot_TestList.txt", [*head, f"{films[2]},G11,14,5,40,36"])
    write_lines(lists / "Annot_List.txt", head + train + [f"{films[2]},G11,14,5,40,36"])
    write_lines(lists / "classIdx.txt", ["id,label", "1,D0X", "2,B0A", "14,G11"])
    data_set = imported(tmp_path)
    assert data_set.classes == ["D0X", "B0A", "G11"] and data_set.negative_label == "D0X"
    assert [line for _, line in data_set.clips["train"]] == [
        "frames/1CM1_4_R_#229 0 0 20 0 35 30",
        "frames/1CM1_4_R_#229 2 20 40 5 40 30",
        "videos/1CM42_0_L_#35.avi 1 0 40 0 40 30",
    ]
    assert [(clip.person, line) for clip, line in data_set.clips["test"]] == [
        ("4CM11_3", "videos/4CM11_3_R_#12.avi 2 4 40 0 40 30")
    ]
    assert any("end before their gestures" in text for text in data_set.warnings)


def test_something_v2(tmp_path: Path) -> None:
    folder = tmp_path / "20bn-something-something-v2"
    for name in ("74225", "137878", "7"):
        # FFmpeg knows a film by its content.
        make_video(folder / f"{name}.mp4").rename(folder / f"{name}.webm")
    (tmp_path / "labels").mkdir()
    labels = {"Spinning something": "1", "Showing something inside something": "0"}
    documents = {
        "labels": labels,
        "train": [{"id": "74225", "label": "x", "template": "Spinning [something]"}],
        "validation": [
            {"id": "137878", "label": "x", "template": "Showing [something] inside [something]"}
        ],
        "test": [{"id": "7"}],
    }
    for name, document in documents.items():
        (tmp_path / "labels" / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    data_set = imported(tmp_path)
    assert recognise(tmp_path) == "something_v2"
    assert data_set.classes == ["Showing something inside something", "Spinning something"]
    assert [line.split()[1] for _, line in data_set.clips["train"]] == ["1"]
    write_lines(tmp_path / "labels" / "test-answers.csv", ["7;Spinning something"])
    assert [clip.label for clip, _ in imported(tmp_path).clips["test"]] == ["Spinning something"]


def test_egogesture_below_a_zips_top_folder(tmp_path: Path) -> None:
    top = tmp_path / "EgoGesture"
    for subject in (3, 1, 2):
        for kind, name in (("Color", "rgb1"), ("Depth", "depth1")):
            scene = top / "images" / f"Subject0{subject}" / "Scene1" / kind / name
            make_folder(scene, 30, "{:06d}.jpg")
        table = top / "labels-final-revised1" / f"subject0{subject}" / "Scene1" / "Group1.csv"
        table.parent.mkdir(parents=True)
        write_lines(table, ["1,3,10", "83,15,25"])
    data_set = imported(tmp_path)
    assert [line for _, line in data_set.clips["train"]] == [
        "EgoGesture/images/Subject03/Scene1/Color/rgb1 0 2 10 0 25 30",
        "EgoGesture/images/Subject03/Scene1/Color/rgb1 1 14 25 0 30 30",
    ]
    assert [data_set.clips[split][0][0].person for split in ("val", "test")] == [
        "subject01",
        "subject02",
    ]
    depth = found_in(tmp_path, options=SourceOptions(modality="depth"))
    assert all("/Depth/depth1" in clip.path for clip in depth.clips) and len(depth.clips) == 6


def test_nvgesture_takes_one_film_of_each_gesture(tmp_path: Path) -> None:
    row = (
        "path:./Video_data/class_0{0}/subject{1}_r0 depth:sk_depth:1:9 color:sk_color:3:11 "
        "duo_left:duo_left:2:10 label:{0}"
    )
    for number in (1, 2):
        for subject in (1, 2):
            for film in ("sk_color", "sk_depth", "duo_left", "duo_right"):
                folder = tmp_path / "Video_data" / f"class_0{number}" / f"subject{subject}_r0"
                make_video(folder / f"{film}.avi", num_frames=12)
    for split, subject in (("train", 1), ("test", 2)):
        file = tmp_path / f"nvgesture_{split}_correct_cvpr2016_v2.lst"
        write_lines(file, [row.format(number, subject) for number in (1, 2)])
    data_set = imported(tmp_path)
    assert [line for _, line in data_set.clips["train"]] == [
        f"Video_data/class_0{number}/subject1_r0/sk_color.avi {number - 1} 3 11 0 12 30"
        for number in (1, 2)
    ]
    assert data_set.clips["test"][0][0].person == "subject2"
    right = found_in(tmp_path, options=SourceOptions(modality="duo_right"))
    assert {(Path(clip.path).name, clip.span) for clip in right.clips} == {
        ("duo_right.avi", (2, 10))
    }
    with pytest.raises(UserError, match="--modality"):
        found_in(tmp_path, "jester", SourceOptions(modality="depth"))


def test_autsl_has_tables_without_a_heading(tmp_path: Path) -> None:
    for signer, folder, name in ((0, "train", "train"), (1, "val", "validation"), (2, "test", "")):
        for kind in ("color", "depth"):
            make_video(tmp_path / folder / f"signer{signer}_sample1_{kind}.mp4", num_frames=3)
        table = f"{name}_labels.csv" if name else "ground_truth.csv"
        write_lines(tmp_path / table, [f"signer{signer}_sample1,{5 if signer else 0}"])
    write_lines(
        tmp_path / "SignList_ClassId_TR_EN.csv", ["ClassId,TR,EN", "0,abla,sister", "5,ağaç,tree"]
    )
    data_set = imported(tmp_path)
    assert data_set.classes == ["sister", "tree"]
    assert {split: clips[0][0].path for split, clips in data_set.clips.items()} == {
        "train": "train/signer0_sample1_color.mp4",
        "val": "val/signer1_sample1_color.mp4",
        "test": "test/signer2_sample1_color.mp4",
    }
    assert data_set.clips["val"][0][0].person == "signer1"


def test_lsa64_is_named_by_sign_signer_and_repetition(tmp_path: Path) -> None:
    for sign in (1, 2):
        for signer in (4, 5, 6):
            make_video(tmp_path / "all" / f"00{sign}_00{signer}_001.mp4", num_frames=2)
    data_set = imported(tmp_path)
    assert data_set.classes == ["001", "002"] and data_set.split_by == "person"
    assert [len(clips) for clips in data_set.clips.values()] == [2, 2, 2]
    named = found_in(tmp_path, options=SourceOptions(classes=["Opaque", "Red"]))
    assert {(clip.path[:7], clip.label) for clip in named.clips} == {
        ("all/001", "Opaque"),
        ("all/002", "Red"),
    }
    with pytest.raises(UserError, match=r"--classes: names 1 signs, and all/002"):
        found_in(tmp_path, options=SourceOptions(classes=["Opaque"]))


def test_a_subset_of_wlasl(tmp_path: Path) -> None:
    subset = {
        "05237": {"subset": "train", "action": [1, 1, 5]},
        "69422": {"subset": "val", "action": [0, 1, 4]},
        "1": {"subset": "test", "action": [0, 1, 4]},
        "2": {"subset": "test", "action": "none"},
    }
    (tmp_path / "nslt_100.json").write_text(json.dumps(subset), encoding="utf-8")
    write_lines(tmp_path / "wlasl_class_list.txt", ["0\tbook", "1\tdrink", "2\tcomputer"])
    for name in ("05237", "69422"):
        make_video(tmp_path / "videos" / f"{name}.mp4", frame_rate_fps=25)
    data_set = imported(tmp_path)
    assert recognise(tmp_path) == "wlasl_subset" and data_set.classes == ["book", "drink"]
    assert [line for _, line in data_set.clips["train"]] == ["videos/05237.mp4 1 0 5 0 6 25"]
    found = reasons(data_set.left_out)
    assert "missing" in found["1"] and "action" in found["2"]
    (tmp_path / "nslt_300.json").write_text(json.dumps(subset), encoding="utf-8")
    with pytest.raises(UserError, match=r"nslt_100.json, nslt_300.json.*name the one"):
        found_in(tmp_path)


def test_mirrors_of_jester_call_the_number_id(tmp_path: Path) -> None:
    write_lines(tmp_path / "Train.csv", ["id,label,frames", "1,Wave,5", "2,Stop,5"])
    write_lines(tmp_path / "Validation.csv", ["id,label,frames", "3,Wave,5"])
    for name in ("Train/1", "Train/2", "Validation/3"):
        make_folder(tmp_path / name, 5)
    data_set = imported(tmp_path)
    assert [line for _, line in data_set.clips["train"]] == [
        "Train/1 1 0 5 0 5 12",
        "Train/2 0 0 5 0 5 12",
    ]
    assert [clip.path for clip, _ in data_set.clips["val"]] == ["Validation/3"]


@pytest.mark.parametrize(
    "name",
    [
        *("class_lists", "ipn_hand", "egogesture", "nvgesture", "something_v2", "autsl", "lsa64"),
        *("wlasl_subset", "photo_table", "kinetics_csv", "hagrid"),
    ],
)
def test_a_stated_format_that_is_not_there_is_one_message(tmp_path: Path, name: str) -> None:
    make_video(tmp_path / "wave" / "a.mp4", num_frames=2)
    with pytest.raises(UserError, match=r"holds no|no clip is left"):
        imported(tmp_path, name)


def test_the_commands_of_the_page_run(ucf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (REPOSITORY / "docs" / "data_public_sets.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines()]
    (ucf / "my_set").mkdir()
    for name in ("UCF-101", "ucfTrainTestlist"):
        (ucf / name).rename(ucf / "my_set" / name)
    monkeypatch.chdir(ucf)
    for words in commands:
        assert words[:2] == ["python", "tools/data/import_clips.py"] and main(words[2:]) == 0
    assert [(ucf / folder / "val.txt").exists() for folder in ("my_data", "my_split")] == [0, 1]

    # Every format of the page and of the help is one that the command takes.
    known = {*FORMATS, *PHOTO_FORMATS}
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) <= known
    assert {*READERS} == known - {"auto"}
