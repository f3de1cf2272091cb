"""Faults in video files and frame folders."""

from __future__ import annotations

import shutil

import cv2
import numpy as np

from action_recognition.data.video import read_frames
from tests.dataset_tools.checking.made import NUM_FRAMES, DataSet, moving_frames
from tests.dataset_tools.checking.planting import fault
from tests.synthetic import truncate, write_audio_only, write_video

# Files.


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


@fault("note-read-otherwise", ("train", 2), "")
def colours_that_ffmpeg_refuses(data: DataSet) -> None:
    data.video("train", 2, moving_frames(2), tags={"colorspace": 10, "color_primaries": 9})


@fault("note-extreme-aspect", ("train", 2), "")
def narrow_picture(data: DataSet) -> None:
    data.video("train", 2, moving_frames(2, height=32, width=128))


@fault("variable-frame-rate", ("train", 2), "-vf fps=", others=("note-rate-doubtful",))
def frames_left_out(data: DataSet) -> None:
    data.video("train", 2, moving_frames(2), ticks=[*range(12), *range(40, 52)])


@fault("note-variable-frame-rate", ("train", 2), "", others=("note-rate-doubtful",))
def some_frames_left_out(data: DataSet) -> None:
    data.video("train", 2, moving_frames(2), ticks=[*range(12), *range(18, 30)])


@fault("note-rate-doubtful", ("train", 2), "time it", others=("variable-frame-rate",))
def frames_that_no_rate_explains(data: DataSet) -> None:
    data.video("train", 2, moving_frames(2), ticks=[*range(20), *range(60, 64)])


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
    data.append(
        "train", data.line("train", 2).replace("anna_stop", "anna_copy").replace(" stop ", " wave ")
    )


@fault("near-duplicate-in-two-splits", ("val", 4), "keep one of the two")
def a_file_coded_again(data: DataSet) -> None:
    frames = read_frames(data.path("train", 2), range(NUM_FRAMES))
    smaller = np.stack([cv2.resize(frame, (48, 36)) for frame in frames])
    smaller = np.clip(smaller * 0.85 + 20, 0, 255).astype(np.uint8)
    data.append("val", "videos/dora_other.mp4 stop 2 20 0 24 30")
    data.video("val", 4, smaller, options={"crf": "28"})
