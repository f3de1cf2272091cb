"""The kinds of findings.

A kind that begins with `note-` is worth knowing and does not fail a check. Every other one is a
problem. `docs/data_check.md` has the same tables.
"""

from __future__ import annotations

NOTE = "note-"

# In one line.
LINE_KINDS = {
    "no-clips": "the annotation file holds no line",
    "encoding": "the file or the line is not UTF-8",
    "byte-order-mark": "a byte-order mark inside the file, as joining two files leaves it",
    "control-characters": "the line holds characters that cannot be seen",
    "line-too-long": "a line longer than any path and its numbers can be",
    "note-line-endings": "the file mixes line ends of several systems",
    "column-count": "neither 2 nor 7 columns",
    "columns-not-numbers": (
        "7 columns, of which the last five are not four frame numbers and a rate"
    ),
    "separator": "columns are separated by commas or semicolons",
    "quotes": "the path is in quotes",
    "columns-exchanged": (
        "columns 3-4 hold the video and 5-6 the clip, as the original's instructions had it"
    ),
    "label-path-exchanged": "the label is before the path",
    "negative-number": "a frame number below 0",
    "zero-length": "the end is the start: no frame (ends are exclusive)",
    "end-before-start": "an end before its start",
    "clip-outside-video": "clip_start and clip_end are not between video_start and video_end",
    "rate-not-positive": "a frame rate of 0 or below",
    "rate-unlikely": "a frame rate that no camera has",
    "labels": "the labels of the files cannot be put in one order",
    "label-unknown": "a label that is no class name",
    "label-out-of-range": "a label number that no class has",
    "path-missing": "no such file or folder",
    "path-case": "the file's name has other capital letters",
    "path-backslash": "a path with backslashes",
    "path-absolute": "a path that begins at the root of the disk",
    "path-leaves-root": "a path with '..', or a link out of the data root",
}
# In several lines together.
SET_KINDS = {
    "duplicate-line": "a clip is listed twice in one split",
    "same-clip-two-labels": "a clip is listed twice, with different labels",
    "clip-in-two-splits": "a clip is in two splits",
    "video-in-two-splits": "clips of one video are in two splits",
    "person-in-two-splits": "a person is in two splits",
    "person-unknown": "no person can be found for the clip",
    "class-without-training-clips": "a class that no split has a clip of",
    "class-missing-in-train": "a class of another split without a training clip",
    "note-class-imbalance": (
        "the largest class has many times as many training clips as the smallest"
    ),
}
# In a media file or frame folder.
FILE_KINDS = {
    "zero-bytes": "the file is empty",
    "text-file": "the file is text, not a video",
    "unreadable": "the file cannot be read as a video",
    "truncated": "the file ends before the video does",
    "no-video-stream": "the file holds sound only",
    "no-frames": "the video holds no frame",
    "damaged-frames": "frames of the video cannot be decoded",
    "too-slow-to-read": "reading the file takes far longer than its length explains",
    "frame-folder-empty": "the folder holds no numbered image",
    "frame-number-twice": "two images of a folder have the same number",
    "frame-gap": "an image of a folder is missing",
    "frame-sizes": "the images of a folder differ in size",
    "image-unreadable": "an image of a folder cannot be read",
    "blank-video": "every picture is of one colour, as black",
    "frozen-video": "every picture is the same",
    "pixel-aspect": "pixels are not square, so that everybody looks wide or thin",
    "variable-frame-rate": "frames are shown far from where a constant rate has them",
    "note-variable-frame-rate": "frames are shown somewhat off from where a constant rate has them",
    "note-rotated": (
        "the file states that it is to be turned; readers of this toolkit do so, others may not"
    ),
    "note-read-otherwise": (
        "colours, times or rate are not read as the file states them; the message says how"
    ),
    "note-extreme-aspect": "the picture is more than three times as long as wide",
    "colour-lost": "a video without colour among videos with colour",
}
# In a line together with its file.
CLIP_KINDS = {
    "range-beyond-video": "the line counts more frames than the video has",
    "rate-differs": "the line's frame rate is not the file's",
    "note-rate-doubtful": (
        "the line says another rate than its file, which contradicts itself; nothing is changed"
    ),
    "too-short-for-template": (
        "the video gives less than half of the frames that the template asks for; "
        "the rest would be repeated"
    ),
    "note-very-short": "a clip shorter than any gesture",
    "note-very-long": "a clip far longer than a gesture",
    "content-in-two-splits": "files with the same bytes are in two splits",
    "content-two-labels": "files with the same bytes have different labels",
    "note-duplicate-content": "files with the same bytes and label in one split",
    "near-duplicate-in-two-splits": (
        "two files of different splits show the same pictures, coded or cut differently"
    ),
}
# Of the hands of a clip, where --template takes landmarks.
HAND_KINDS = {
    "no-hand": "no hand is seen in the clip",
    "hand-rarely-seen": "a hand is seen in under half of the clip's frames",
    "note-hand-small": "the hand is so small that its fingers can hardly be told apart",
    "note-hand-at-edge": "the picture's edge cuts the hand off in most frames",
    "note-one-hand-of-two": "most clips of the class show two hands, this one shows one",
}
KINDS = LINE_KINDS | SET_KINDS | FILE_KINDS | CLIP_KINDS | HAND_KINDS
