"""Faults in lines, in paths, and in what the lines say together."""

from __future__ import annotations

import shutil

from tests.dataset_tools.checking.made import DataSet
from tests.dataset_tools.checking.planting import fault

# The text of a line.


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


# Numbers and labels.


@fault("negative-number", ("train", 2), "0 or more")
def negative_start(data: DataSet) -> None:
    data.edit("train", 2, " 2 20 ", " -2 20 ")


@fault("zero-length", ("train", 2), "an end after the start")
def no_frame(data: DataSet) -> None:
    data.edit("train", 2, " 2 20 ", " 20 20 ")


@fault("end-before-start", ("train", 2), "an end after the start")
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
            data.edit(
                split,
                number,
                data.line(split, number).rsplit(None, 5)[0].split(" ", 1)[1] + " ",
                "wave ",
            )
    data.edit("train", 4, " wave ", " 0 ")


# Paths.


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


# Lines together.


@fault("duplicate-line", ("train", 10), "leave this line out", repaired=True)
def a_line_twice(data: DataSet) -> None:
    data.append("train", data.line("train", 2))


@fault("same-clip-two-labels", ("train", 10), "keep the right line")
def a_clip_with_two_labels(data: DataSet) -> None:
    data.append("train", data.line("train", 2).replace(" stop ", " wave "))


@fault("clip-in-two-splits", ("val", 4), "keep it in one of train and val", person_regex=None)
def a_clip_in_two_splits(data: DataSet) -> None:
    data.append("val", data.line("train", 2))


@fault(
    "video-in-two-splits", ("val", 4), "put all clips of a video into one split", person_regex=None
)
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


@fault(
    "class-missing-in-train",
    ("val", 2),
    "move clips of some people into train",
    others=("class-missing-in-train",),
)
def class_without_training_clips(data: DataSet) -> None:
    lines = [line for line in data.lines("train") if " stop " not in line]
    (data.root / "train.txt").write_text("\n".join(lines) + "\n")
    (data.root / "test.txt").write_text(
        "\n".join(line for line in data.lines("test") if " stop " not in line) + "\n"
    )


@fault(
    "class-without-training-clips",
    ("train", None),
    "add clips",
    classes=["wave", "stop", "thumb up", "fist"],
)
def class_without_any_clip(data: DataSet) -> None:
    pass


@fault("note-class-imbalance", ("train", None), "class_balanced")
def one_large_class(data: DataSet) -> None:
    line = data.line("train", 1)
    for start in (0, 1, 3):
        for end in range(14, 24):
            data.append("train", line.replace(" 2 20 ", f" {start} {end} "))
