"""MS-ASL and WLASL: small files of the published schema, with a folder of clips or of whole videos.

Source: an entry of MSASL_val.json as it stands in the public repository
holdit-labs/ms-asl-processing (parsed-datasets/06_val.json; the published file has org_text,
clean_text, start_time, signer_id, signer, start, end, file, label, height, fps, end_time, url,
text, box, width, and `review` in some), and one of start_kit/WLASL_v0.3.json of dxli94/WLASL; its
README: frames count from 1 at 25 fps, -1 is the end.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import UserError
from tests.dataset_tools.importing.made import found_in, imported, lines_of, make_video

MSASL_ENTRY = {
    "org_text": "HELLO",
    "clean_text": "hello",
    "start_time": 1.0,
    "signer_id": 164,
    "signer": 73,
    "start": 30,
    "end": 60,
    "file": "Greetings  Answers in American Sign Language",
    "label": 0,
    "height": 360.0,
    "fps": 30.0,
    "end_time": 2.0,
    "url": "https://www.youtube.com/watch?v=pD4QabDQr6M",
    "text": "hello",
    "box": [0.129, 0.0998, 1.0, 0.897],
    "width": 640.0,
}
WLASL_INSTANCE = {
    "bbox": [0, 0, 360, 240],
    "fps": 25,
    "frame_end": 50,
    "frame_start": 26,
    "instance_id": 0,
    "signer_id": 9,
    "source": "asl5200",
    "split": "val",
    "url": "https://www.youtube.com/watch?v=EhkIoTNxwGE",
    "variation_id": 0,
    "video_id": "32962",
}


def write_json(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return path


def msasl(**changes: Any) -> dict[str, Any]:
    return MSASL_ENTRY | changes


def test_msasl_whole_videos(tmp_path: Path) -> None:
    make_video(tmp_path / "videos" / "pD4QabDQr6M.mp4", num_frames=90)
    make_video(
        tmp_path / "videos" / "slow.mp4", num_frames=60, frame_rate_fps=15
    )  # downloaded at another rate than annotated
    nice = msasl(clean_text="nice", label=1, url="www.youtube.com/watch?v=slow", signer_id=-1)
    write_json(
        tmp_path / "MSASL_train.json",
        [msasl(), nice, msasl(url="https://www.youtube.com/watch?v=gone", signer_id=5)],
    )
    write_json(tmp_path / "MSASL_val.json", [msasl(signer_id=2, start_time=2.5, end_time=2.9)])
    write_json(tmp_path / "MSASL_classes.json", ["hello", "nice", "teacher"])
    data_set = imported(tmp_path)
    assert data_set.classes == ["hello", "nice", "teacher"]
    assert {split: [line for _, line in clips] for split, clips in data_set.clips.items()} == {
        "train": ["videos/pD4QabDQr6M.mp4 0 30 60 15 75 30", "videos/slow.mp4 1 15 30 7 38 15"],
        "val": ["videos/pD4QabDQr6M.mp4 0 75 87 60 90 30"],
        "test": [],
    }
    assert [clip.person for clip, _ in data_set.clips["train"]] == ["164", None]
    (remark,) = data_set.left_out
    assert (
        remark.where.endswith("MSASL_train.json:48 entry 3")
        and "gone" in remark.path
        and remark.reason == "its file is missing"
    )


def test_msasl_cut_clips_by_usual_and_by_given_names(tmp_path: Path) -> None:
    make_video(tmp_path / "a" / "pD4QabDQr6M_30_60.mp4", num_frames=40)
    write_json(tmp_path / "MSASL_test.json", [msasl()])
    assert lines_of(imported(tmp_path)) == ["a/pD4QabDQr6M_30_60.mp4 0 0 40 0 40 30"]
    make_video(tmp_path / "b" / "hello-0000.mp4", num_frames=31)
    options = SourceOptions(clips=tmp_path / "b", clip_name="hello-{index:04d}")
    assert lines_of(imported(tmp_path, options=options)) == ["hello-0000.mp4 0 0 31 0 31 30"]
    with pytest.raises(UserError, match="--clip-name"):
        found_in(tmp_path, options=SourceOptions(clip_name="{nothing}"))


def test_msasl_a_file_by_id_that_was_cut_for_its_only_clip(tmp_path: Path) -> None:
    make_video(tmp_path / "pD4QabDQr6M.mp4", num_frames=36)
    write_json(tmp_path / "MSASL_test.json", [msasl()])
    assert lines_of(imported(tmp_path)) == ["pD4QabDQr6M.mp4 0 0 36 0 36 30"]


def test_msasl_first_classes_and_names_without_a_class_file(tmp_path: Path) -> None:
    make_video(tmp_path / "pD4QabDQr6M.mp4", num_frames=90)
    entries = [msasl(label=7, clean_text="no"), msasl(label=3, clean_text="eat"), msasl()]
    write_json(tmp_path / "MSASL_train.json", entries)
    assert found_in(tmp_path).classes == ["hello", "eat", "no"]
    assert found_in(tmp_path, options=SourceOptions(num_classes=5)).classes == ["hello", "eat"]


def test_msasl_resplit_keeps_a_signer_and_a_video_together(tmp_path: Path) -> None:
    from action_recognition.dataset_tools.importing.assign_splits import SplitOptions

    names = [f"v{number}" for number in range(8)]
    for name in names:
        make_video(tmp_path / f"{name}.mp4", num_frames=90)
    entries = [
        msasl(url=f"https://youtu.be/{name}", signer_id=number // 2)
        for number, name in enumerate(names)
    ]
    entries.append(
        msasl(url="https://youtu.be/v0", signer_id=3, start_time=0.1, end_time=0.9)
    )  # signers 0 and 3 share a video
    write_json(tmp_path / "MSASL_train.json", entries[:5])
    write_json(tmp_path / "MSASL_val.json", entries[5:])
    kept = imported(tmp_path)
    assert kept.split_by == "the source" and any(
        "more than one part" in warning for warning in kept.warnings
    )
    data_set = imported(tmp_path, split=SplitOptions(resplit=True))
    split_of = {clip.person: split for split, clips in data_set.clips.items() for clip, _ in clips}
    people = [{clip.person for clip, _ in clips} for clips in data_set.clips.values()]
    assert sum(map(len, people)) == 4 and split_of["0"] == split_of["3"]


def test_wlasl(tmp_path: Path) -> None:
    make_video(
        tmp_path / "videos" / "32962.mp4", num_frames=25, frame_rate_fps=25
    )  # cut, as its preprocess.py does
    make_video(
        tmp_path / "videos" / "65097.mp4", num_frames=40, frame_rate_fps=30
    )  # the whole file is the sign
    make_video(
        tmp_path / "videos" / "PLA.mp4", num_frames=90, frame_rate_fps=30
    )  # a whole video of YouTube at another rate
    whole = WLASL_INSTANCE | {
        "video_id": "65097",
        "frame_start": 1,
        "frame_end": -1,
        "split": "train",
        "signer_id": 90,
    }
    raw = WLASL_INSTANCE | {
        "video_id": "1",
        "url": "https://www.youtube.com/watch?v=PLA",
        "split": "test",
    }
    glosses = [
        {"gloss": "book", "instances": [WLASL_INSTANCE, whole]},
        {"gloss": "drink", "instances": [raw]},
    ]
    write_json(tmp_path / "WLASL_v0.3.json", glosses)
    data_set = imported(tmp_path)
    assert data_set.classes == ["book", "drink"]
    assert {split: [line for _, line in clips] for split, clips in data_set.clips.items()} == {
        "train": ["videos/65097.mp4 0 0 40 0 40 30"],
        "val": ["videos/32962.mp4 0 0 25 0 25 25"],
        "test": ["videos/PLA.mp4 1 30 60 15 75 30"],
    }
    assert found_in(tmp_path, options=SourceOptions(num_classes=1)).classes == ["book"]


def test_entries_of_another_schema_are_named(tmp_path: Path) -> None:
    make_video(tmp_path / "pD4QabDQr6M.mp4", num_frames=90)
    wrong = {"url": "x", "label": "first", "start_time": -1}
    write_json(tmp_path / "MSASL_train.json", [msasl(), wrong, msasl(end_time=0.5)])
    reasons = {
        remark.where.rpartition(" ")[2]: remark.reason for remark in imported(tmp_path).left_out
    }
    assert (
        "label: Input should be a valid integer" in reasons["2"]
        and "(found 'first')" in reasons["2"]
    )
    assert "not after its start" in reasons["3"]
    write_json(tmp_path / "MSASL_train.json", [wrong])
    with pytest.raises(UserError, match=r"no entry follows the schema.*label"):
        found_in(tmp_path)
    write_json(tmp_path / "MSASL_train.json", [{"gloss": "book", "instances": 3}])
    with pytest.raises(UserError, match="no entry follows the schema"):
        found_in(tmp_path, "wlasl")


@pytest.mark.parametrize("cut", [1, 40, -1])
def test_a_broken_json_is_named_with_its_line(tmp_path: Path, cut: int) -> None:
    file = write_json(tmp_path / "MSASL_train.json", [msasl(), msasl()])
    file.write_text(file.read_text(encoding="utf-8")[:cut], encoding="utf-8")
    with pytest.raises(UserError, match=r"MSASL_train.json"):
        found_in(file, "msasl")
    file.write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(UserError):
        found_in(file, "msasl")


def test_one_line_of_json(tmp_path: Path) -> None:
    make_video(tmp_path / "pD4QabDQr6M.mp4", num_frames=90)
    (tmp_path / "MSASL_train.json").write_text(
        json.dumps([msasl(), {"url": "x", "label": 0, "start_time": 0}]), encoding="utf-8-sig"
    )
    assert imported(tmp_path).left_out[0].where.endswith(":1 entry 2")
