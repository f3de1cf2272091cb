"""Faults to plant, one a function, each with what has to be found: (split, line or None for the file) and a part of the repair."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from tests.data.checking.made import NUM_FRAMES, DataSet, moving_frames
from tests.synthetic import truncate, write_audio_only, write_video

WAVE, STOP, UP = 1, 2, 3  # lines of the first person of a split


class Plant(NamedTuple):
    """A fault; `others` are kinds that are found at the same line by nature; `repaired`: a check of the repaired copy finds nothing."""

    name: str
    kind: str
    place: tuple[str, int | None]
    repair: str
    plant: Callable[[DataSet], object]
    repaired: bool
    others: tuple[str, ...]
    options: dict[str, object]


PLANTS: list[Plant] = []


def fault(
    kind: str,
    place: tuple[str, int | None],
    repair: str,
    repaired: bool = False,
    others: tuple[str, ...] = (),
    **options: object,
) -> Callable[[Callable[[DataSet], object]], Callable[[DataSet], object]]:
    def remember(plant: Callable[[DataSet], object]) -> Callable[[DataSet], object]:
        PLANTS.append(Plant(plant.__name__, kind, place, repair, plant, repaired, others, options))
        return plant

    return remember


# --- the text of a line -----------------------------------------------------------------------------------------


@fault("column-count", ("train", 2), "2 or 7 columns")
def six_columns(data: DataSet) -> None:
    data.set("train", 2, data.line("train", 2).rsplit(" ", 1)[0])


@fault("column-count", ("train", 2), "2 or 7 columns")
def path_alone(data: DataSet) -> None:
    data.set("train", 2, data.line("train", 2).split()[0])


@fault("columns-not-numbers", ("train", 2), "path label clip_start")
def a_word_for_a_number(data: DataSet) -> None:
    data.edit("train", 2, " 2 20 ", " two 20 ")


@fault("columns-not-numbers", ("train", 2), "stop 2 20 0 24 30'", repaired=True)
def frame_numbers_with_points(data: DataSet) -> None:
    data.edit("train", 2, " 2 20 0 24 ", " 2.0 20.0 0.0 24.0 ")


@fault("columns-exchanged", ("train", 2), "stop 2 20 0 24 30'", repaired=True)
def clip_and_video_exchanged(data: DataSet) -> None:
    data.edit("train", 2, " 2 20 0 24 ", " 0 24 2 20 ")


@fault("label-path-exchanged", ("train", 2), "anna_stop.mp4 stop 2 20", repaired=True)
def label_before_path(data: DataSet) -> None:
    path, label, *numbers = data.line("train", 2).split()
    data.set("train", 2, " ".join([label, path, *numbers]))


@fault("separator", ("train", 2), "anna_stop.mp4 stop 2 20 0 24 30'", repaired=True)
def commas(data: DataSet) -> None:
    data.set("train", 2, data.line("train", 2).replace(" ", ","))


@fault("separator", ("train", 2), "anna_stop.mp4 stop'", repaired=True)
def semicolons(data: DataSet) -> None:
    data.set("train", 2, ";".join(data.line("train", 2).split()[:2]))


@fault("quotes", ("train", 2), "write 'videos/stop/anna_stop.mp4", repaired=True)
def quotes(data: DataSet) -> None:
    path, rest = data.line("train", 2).split(" ", 1)
    data.set("train", 2, f'"{path}" {rest}')


@fault("byte-order-mark", ("train", 2), "remove it", repaired=True)
def mark_in_the_middle(data: DataSet) -> None:
    data.set("train", 2, "\ufeff" + data.line("train", 2))


@fault("control-characters", ("train", 2), "remove it", repaired=True)
def unseen_characters(data: DataSet) -> None:
    data.edit("train", 2, "anna", "an\u200bna")


@fault("encoding", ("train", 2), "save the file as UTF-8", repaired=True)
def latin_1(data: DataSet) -> None:
    data.path("train", 2).rename(data.root / "videos/stop/ana_größe.mp4")
    data.edit("train", 2, "anna_stop", "ana_größe")
    file = data.root / "train.txt"
    file.write_bytes(file.read_text().encode("cp1252"))


@fault("encoding", ("val", None), "UTF-8", repaired=True)
def utf_16(data: DataSet) -> None:
    file = data.root / "val.txt"
    file.write_bytes(file.read_text().encode("utf-16"))


@fault("note-line-endings", ("train", None), "one kind")
def mixed_line_ends(data: DataSet) -> None:
    file = data.root / "train.txt"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n", 2))


@fault("line-too-long", ("train", 10), "path label")
def endless_line(data: DataSet) -> None:
    data.append("train", "videos/" + "a" * 100_000 + ".mp4 0")


@fault("no-clips", ("val", None), "lines of path label")
def nothing_but_a_comment(data: DataSet) -> None:
    (data.root / "val.txt").write_text("# to do\n")


# --- numbers and labels -------------------------------------------------------------------------------------------


@fault("negative-number", ("train", 2), "0 or more")
def negative_start(data: DataSet) -> None:
    data.edit("train", 2, " 2 20 ", " -2 20 ")


@fault("zero-length", ("train", 2), "an end behind the start")
def no_frame(data: DataSet) -> None:
    data.edit("train", 2, " 2 20 ", " 20 20 ")


@fault("end-before-start", ("train", 2), "an end behind the start")
def backwards(data: DataSet) -> None:
    data.edit("train", 2, " 2 20 ", " 20 2 ")


@fault("clip-outside-video", ("train", 2), "between video_start and video_end")
def clip_outside(data: DataSet) -> None:
    data.edit("train", 2, " 2 20 0 24 ", " 2 20 4 24 ")


@fault("rate-not-positive", ("train", 2), "above 0")
def no_rate(data: DataSet) -> None:
    data.edit("train", 2, " 24 30", " 24 0")


@fault("rate-not-positive", ("train", 2), "above 0")
def negative_rate(data: DataSet) -> None:
    data.edit("train", 2, " 24 30", " 24 -30")


@fault("rate-unlikely", ("train", 3), "frames a second")
def rate_of_a_folder_in_thousandths(data: DataSet) -> None:
    data.edit("train", 3, " 24 30", " 24 30000")


@fault("label-unknown", ("train", 2), "'stop'", repaired=True)
def capital_letter_in_a_label(data: DataSet) -> None:
    data.edit("train", 2, " stop ", " Stop ")


@fault("label-unknown", ("train", 2), "a class name")
def unknown_label(data: DataSet) -> None:
    data.edit("train", 2, " stop ", " stopp ")


@fault("label-out-of-range", ("train", 2), "0 to 2")
def label_too_large(data: DataSet) -> None:
    data.edit("train", 2, " stop ", " 3 ")


@fault("label-out-of-range", ("train", 2), "0 to 2")
def negative_label(data: DataSet) -> None:
    data.edit("train", 2, " stop ", " -1 ")


@fault("labels", ("train", None), "one kind", others=("label-unknown",))
def names_and_numbers_without_classes(data: DataSet) -> None:
    (data.root / "classes.json").unlink()
    for split in ("train", "val", "test"):
        for number in range(1, len(data.lines(split)) + 1):
            data.edit(split, number, data.line(split, number).rsplit(None, 5)[0].split(" ", 1)[1] + " ", "wave ")
    data.edit("train", 4, " wave ", " 0 ")


# --- paths --------------------------------------------------------------------------------------------------------


@fault("path-missing", ("train", 2), "the nearest is 'videos/stop/anna_stop.mp4'")
def misspelt_file(data: DataSet) -> None:
    data.edit("train", 2, "anna_stop", "anna_stap")


@fault("path-missing", ("train", 2), "the nearest is 'videos/stop/anna_stop.mp4'")
def misspelt_folder(data: DataSet) -> None:
    data.edit("train", 2, "videos/stop", "videos/stopp")


@fault("path-case", ("train", 2), "write 'videos/stop/anna_stop.mp4", repaired=True)
def other_capitals(data: DataSet) -> None:
    data.edit("train", 2, "videos/stop/anna_stop.mp4", "Videos/stop/Anna_stop.MP4")


@fault("path-backslash", ("train", 2), "write 'videos/stop/anna_stop.mp4", repaired=True)
def backslashes(data: DataSet) -> None:
    data.edit("train", 2, "videos/stop/", "videos\\stop\\")


@fault("path-absolute", ("train", 2), "write 'videos/stop/anna_stop.mp4", repaired=True)
def absolute_path_below_the_root(data: DataSet) -> None:
    data.edit("train", 2, "videos/stop", f"{data.root}/videos/stop")


@fault("path-absolute", ("train", 2), "a path relative to")
def absolute_path(data: DataSet) -> None:
    data.edit("train", 2, "videos/stop", "/videos/stop")


@fault("path-leaves-root", ("train", 2), "a path below")
def dots(data: DataSet) -> None:
    data.edit("train", 2, "videos/stop", f"../{data.root.name}/videos/stop")


@fault("path-leaves-root", ("train", 2), "copy the file below")
def link_out_of_the_root(data: DataSet) -> None:
    outside = data.root.parent / "outside.mp4"
    shutil.move(data.path("train", 2), outside)
    data.path("train", 2).symlink_to(outside)


# --- lines together -----------------------------------------------------------------------------------------------


@fault("duplicate-line", ("train", 10), "leave this line out", repaired=True)
def a_line_twice(data: DataSet) -> None:
    data.append("train", data.line("train", 2))


@fault("same-clip-two-labels", ("train", 10), "keep the right line")
def a_clip_with_two_labels(data: DataSet) -> None:
    data.append("train", data.line("train", 2).replace(" stop ", " wave "))


@fault("clip-in-two-splits", ("val", 4), "keep it in one of train and val", person_regex=None)
def a_clip_in_two_splits(data: DataSet) -> None:
    data.append("val", data.line("train", 2))


@fault("video-in-two-splits", ("val", 4), "put all clips of a video into one split", person_regex=None)
def two_parts_of_a_video(data: DataSet) -> None:
    data.append("val", data.line("train", 2).replace(" 2 20 ", " 3 18 "))


@fault("person-in-two-splits", ("val", 1), "put all clips of a person into one split")
def a_person_in_two_splits(data: DataSet) -> None:
    data.path("val", 1).rename(data.root / "videos/wave/anna_again.mp4")
    data.edit("val", 1, "dora_wave", "anna_again")


@fault("person-unknown", ("val", 1), "widen --person-regex")
def a_name_without_person(data: DataSet) -> None:
    data.path("val", 1).rename(data.root / "videos/wave/0001.mp4")
    data.edit("val", 1, "dora_wave", "0001")


@fault("class-missing-in-train", ("val", 2), "move clips of some people into train", others=("class-missing-in-train",))
def class_without_training_clips(data: DataSet) -> None:
    lines = [line for line in data.lines("train") if " stop " not in line]
    (data.root / "train.txt").write_text("\n".join(lines) + "\n")
    (data.root / "test.txt").write_text("\n".join(line for line in data.lines("test") if " stop " not in line) + "\n")


@fault("class-without-training-clips", ("train", None), "add clips", classes=["wave", "stop", "thumb up", "fist"])
def class_without_any_clip(data: DataSet) -> None:
    pass


@fault("note-class-imbalance", ("train", None), "class_balanced")
def one_large_class(data: DataSet) -> None:
    line = data.line("train", 1)
    for start in (0, 1, 3):
        for end in range(14, 24):
            data.append("train", line.replace(" 2 20 ", f" {start} {end} "))


# --- files --------------------------------------------------------------------------------------------------------


@fault("zero-bytes", ("train", 2), "copy it again", repaired=True)
def empty_file(data: DataSet) -> None:
    data.replace("train", 2, b"")


@fault("text-file", ("train", 2), "get the video itself", repaired=True)
def renamed_text(data: DataSet) -> None:
    data.replace("train", 2, b"to do: film this one\n" * 20)


@fault("text-file", ("train", 2), "get the video itself", repaired=True)
def pointer_of_lfs(data: DataSet) -> None:
    data.replace("train", 2, b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")


@fault("unreadable", ("train", 2), "convert it again", repaired=True)
def random_bytes(data: DataSet) -> None:
    data.replace("train", 2, np.random.default_rng(0).bytes(5000))


@fault("truncated", ("train", 2), "copy it again", repaired=True)
def half_a_file(data: DataSet) -> None:
    truncate(data.path("train", 2), data.path("train", 2), 0.6)


@fault("truncated", ("train", 2), "copy it again", repaired=True)
def half_a_file_with_its_index_in_front(data: DataSet) -> None:
    data.video("train", 2, moving_frames(2), container_options={"movflags": "faststart"})
    truncate(data.path("train", 2), data.path("train", 2), 0.6)


@fault("no-video-stream", ("train", 2), "convert it again", repaired=True)
def sound_only(data: DataSet) -> None:
    sound = write_audio_only(data.root / "sound.mov")
    sound.replace(data.path("train", 2))


@fault("no-frames", ("train", 2), "convert it again", repaired=True)
def header_only(data: DataSet) -> None:
    header = write_video(data.root / "header.avi", moving_frames(2)[:0], codec="mpeg4")
    header.replace(data.path("train", 2))


@fault("damaged-frames", ("train", 2), "convert it again")
def bytes_overwritten(data: DataSet) -> None:
    path = data.path("train", 2)
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + len(content) // 3
    content[start : start + 600] = np.random.default_rng(1).bytes(600)
    path.write_bytes(content)


@fault("frame-gap", ("train", 3), "extract the frames again", repaired=True)
def a_missing_image(data: DataSet) -> None:
    (data.path("train", 3) / "img_007.png").unlink()


@fault("frame-number-twice", ("train", 3), "extract the frames again", repaired=True)
def a_number_twice(data: DataSet) -> None:
    folder = data.path("train", 3)
    shutil.copy(folder / "img_007.png", folder / "img_07.png")


@fault("frame-sizes", ("train", 3), "extract the frames again", repaired=True)
def another_size(data: DataSet) -> None:
    cv2.imwrite(str(data.path("train", 3) / "img_007.png"), moving_frames(3)[6, :40])


@fault("frame-folder-empty", ("train", 3), "extract the frames again", repaired=True)
def empty_folder(data: DataSet) -> None:
    for file in data.path("train", 3).iterdir():
        file.unlink()


@fault("image-unreadable", ("train", 3), "extract the frames again", repaired=True)
def broken_image(data: DataSet) -> None:
    (data.path("train", 3) / "img_007.png").write_bytes(b"no image")


@fault("blank-video", ("train", 2), "film it again")
def black_video(data: DataSet) -> None:
    data.video("train", 2, np.zeros((NUM_FRAMES, 48, 64, 3), np.uint8))


@fault("frozen-video", ("train", 2), "film it again")
def frozen_video(data: DataSet) -> None:
    data.video("train", 2, np.repeat(moving_frames(2)[:1], NUM_FRAMES, axis=0))


@fault("colour-lost", ("train", 2), "convert it again")
def video_without_colour(data: DataSet) -> None:
    grey = moving_frames(2).mean(axis=-1, keepdims=True).astype(np.uint8)
    data.video("train", 2, np.repeat(grey, 3, axis=-1))


@fault("pixel-aspect", ("train", 2), "setsar=1")
def wide_pixels(data: DataSet) -> None:
    data.video("train", 2, moving_frames(2), pixel_aspect=(4, 3))


@fault("note-rotated", ("train", 2), "")
def phone_video(data: DataSet) -> None:
    data.video("train", 2, moving_frames(2), rotation=90)


@fault("note-extreme-aspect", ("train", 2), "")
def narrow_picture(data: DataSet) -> None:
    data.video("train", 2, moving_frames(2, height=32, width=128))


@fault("variable-frame-rate", ("train", 2), "-vf fps=", others=("rate-differs",))
def frames_left_out(data: DataSet) -> None:
    data.video("train", 2, moving_frames(2), ticks=[*range(12), *range(40, 52)])


@fault("note-variable-frame-rate", ("train", 2), "", others=("rate-differs",))
def some_frames_left_out(data: DataSet) -> None:
    data.video("train", 2, moving_frames(2), ticks=[*range(12), *range(18, 30)])


@fault("range-beyond-video", ("train", 2), "stop 2 20 0 24 30'", repaired=True)
def video_end_too_large(data: DataSet) -> None:
    data.edit("train", 2, " 0 24 30", " 0 25 30")


@fault("range-beyond-video", ("train", 2), "correct the numbers")
def clip_behind_the_end(data: DataSet) -> None:
    data.edit("train", 2, " 2 20 0 24 ", " 24 30 0 30 ")


@fault("rate-differs", ("train", 2), "stop 2 20 0 24 30'", repaired=True)
def another_rate(data: DataSet) -> None:
    data.edit("train", 2, " 24 30", " 24 25")


@fault("note-very-short", ("train", 2), "check the range")
def three_frames(data: DataSet) -> None:
    data.edit("train", 2, " 2 20 ", " 2 5 ")


@fault("note-very-long", ("train", 3), "the range of the gesture")
def half_a_frame_a_second(data: DataSet) -> None:
    data.edit("train", 3, " 24 30", " 24 0.5")


@fault("note-duplicate-content", ("train", 10), "leave one of them out")
def a_copied_file(data: DataSet) -> None:
    shutil.copy(data.path("train", 2), data.root / "videos/stop/anna_copy.mp4")
    data.append("train", data.line("train", 2).replace("anna_stop", "anna_copy"))


@fault("content-in-two-splits", ("val", 4), "keep one of the two")
def a_copied_file_in_another_split(data: DataSet) -> None:
    shutil.copy(data.path("train", 2), data.root / "videos/stop/dora_copy.mp4")
    data.append("val", data.line("train", 2).replace("anna_stop", "dora_copy"))


@fault("content-two-labels", ("train", 10), "keep the right one")
def a_copied_file_with_another_label(data: DataSet) -> None:
    shutil.copy(data.path("train", 2), data.root / "videos/stop/anna_copy.mp4")
    data.append("train", data.line("train", 2).replace("anna_stop", "anna_copy").replace(" stop ", " wave "))


@fault("near-duplicate-in-two-splits", ("val", 4), "keep one of the two")
def a_file_coded_again(data: DataSet) -> None:
    smaller = np.stack([cv2.resize(frame, (48, 36)) for frame in moving_frames(2)[1:]])
    smaller = np.clip(smaller * 0.85 + 20, 0, 255).astype(np.uint8)
    data.append("val", "videos/dora_other.mp4 stop 2 20 0 23 30")
    data.video("val", 4, smaller, options={"crf": "32"})
