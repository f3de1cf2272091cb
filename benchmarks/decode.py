"""Time to read 16 frames, every second one, of a 10 s video: ours, mmcv, PyAV, OpenCV, torchcodec.

Figures:
    time_over_best: ours over the fastest of the others. Below 1 is faster.
    speedup_vs_mmcv
A round reads one window with every reader: the centre window, then windows at random places, in
turn. Ours starts every time without what it remembers of a file. torchcodec takes part where it is
installed: the toolkit does not need it. decode_feed.py measures what feeds training.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import mmcv
import numpy as np
from numpy.typing import NDArray

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/decode.py` without an installed package

from action_recognition.data import video
from action_recognition.data.sampling import FrameRange, centre_frame_indices
from benchmarks import harness

CLIP_LEN, FRAME_RATE_FPS = 16, 15.0
VIDEO_RATE_FPS, NUM_FRAMES, HEIGHT, WIDTH = 30, 300, 240, 320
Frames = NDArray[np.uint8]
Reader = Callable[[Path, Sequence[int]], Frames]


def read_ours(path: Path, frame_indices: Sequence[int]) -> Frames:
    video.forget_files()
    return video.read_frames(path, frame_indices)


def read_ours_known_file(path: Path, frame_indices: Sequence[int]) -> Frames:
    return video.read_frames(path, frame_indices)


def read_mmcv(path: Path, frame_indices: Sequence[int]) -> Frames:
    reader = mmcv.VideoReader(str(path))
    return np.stack([cv2.cvtColor(reader[i], cv2.COLOR_BGR2RGB) for i in frame_indices])


def read_pyav_from_start(path: Path, frame_indices: Sequence[int]) -> Frames:
    wanted, pictures = set(frame_indices), {}
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for i, frame in enumerate(container.decode(video=0)):
            if i in wanted:
                pictures[i] = frame.to_ndarray(format="rgb24")
            if i >= max(wanted):
                break
    return np.stack([pictures[i] for i in frame_indices])


def _grab(capture: cv2.VideoCapture, first: int, frame_indices: Sequence[int]) -> Frames:
    wanted, pictures = set(frame_indices), {}
    for i in range(first, max(wanted) + 1):
        capture.grab()
        if i in wanted:
            pictures[i] = cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB)
    capture.release()
    return np.stack([pictures[i] for i in frame_indices])


def read_opencv_grab(path: Path, frame_indices: Sequence[int]) -> Frames:
    return _grab(cv2.VideoCapture(str(path)), 0, frame_indices)


def read_opencv_seek(path: Path, frame_indices: Sequence[int]) -> Frames:
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_POS_FRAMES, min(frame_indices))
    return _grab(capture, min(frame_indices), frame_indices)


def read_torchcodec(path: Path, frame_indices: Sequence[int]) -> Frames:
    from torchcodec.decoders import VideoDecoder  # where it is installed

    decoder = VideoDecoder(
        str(path), dimension_order="NHWC", num_ffmpeg_threads=video.decode_threads()
    )
    pictures: Frames = decoder.get_frames_at(list(frame_indices)).data.numpy()
    return pictures


def torchcodec_works(path: Path) -> bool:
    try:
        read_torchcodec(path, [0])
    except (
        ImportError,
        OSError,
        RuntimeError,
    ):  # not installed, or without the FFmpeg libraries that it loads
        return False
    return True


OURS: dict[str, Reader] = {"ours": read_ours, "ours, file read before": read_ours_known_file}
OTHERS: dict[str, Reader] = {
    "mmcv.VideoReader": read_mmcv,
    "PyAV from the start": read_pyav_from_start,
    "OpenCV grab from the start": read_opencv_grab,
    "OpenCV seek and grab": read_opencv_seek,
}


def make_video(
    path: Path, num_frames: int = NUM_FRAMES, height: int = HEIGHT, width: int = WIDTH
) -> None:
    """Write a moving texture with a moving disc, by default 10 s, as x264 encodes by default."""
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(
        rng.integers(0, 256, (2 * height, 2 * width, 3), dtype=np.uint8), (0, 0), 3
    )
    texture = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=VIDEO_RATE_FPS)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for i in range(num_frames):
            top, left = (
                int(height / 2 + height / 3 * np.cos(i / 31)),
                int(width / 2 + width / 3 * np.sin(i / 20)),
            )
            picture = texture[top : top + height, left : left + width].copy()
            cv2.circle(
                picture,
                (int(width / 2 + width / 4 * np.sin(i / 7)), height // 2),
                height // 6,
                (255, 200, 0),
                -1,
            )
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def windows(num_random: int) -> list[list[int]]:
    """The centre window and others at random places."""
    whole = FrameRange(
        clip_start=0,
        clip_end=NUM_FRAMES,
        video_start=0,
        video_end=NUM_FRAMES,
        frame_rate_fps=VIDEO_RATE_FPS,
    )
    centre = centre_frame_indices(whole, CLIP_LEN, FRAME_RATE_FPS)
    starts = np.random.default_rng(1).integers(NUM_FRAMES - 2 * CLIP_LEN + 1, size=num_random)
    return [centre, *(list(range(int(start), int(start) + 2 * CLIP_LEN, 2)) for start in starts)]


def next_window(
    reader: Reader, path: Path, places: Sequence[Sequence[int]]
) -> Callable[[], Frames]:
    """Return readers, each of which reads the next window at every call."""
    turns = itertools.cycle(places)
    return lambda: reader(path, next(turns))


def same_pixels(reader: Reader, path: Path, places: Sequence[Sequence[int]]) -> bool:
    return all(
        np.array_equal(reader(path, place), read_pyav_from_start(path, place)) for place in places
    )


def main(argv: Sequence[str] | None = None) -> int:
    options = harness.parse_arguments(__doc__.splitlines()[0], argv)
    cv2.setNumThreads(options.threads)
    places = windows(num_random=1 if options.quick else 5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.mp4"
        make_video(path)
        others = OTHERS | ({"torchcodec": read_torchcodec} if torchcodec_works(path) else {})
        readers = OURS | others
        wrong = [name for name, reader in readers.items() if not same_pixels(reader, path, places)]
        timed = {name: next_window(reader, path, places) for name, reader in readers.items()}
        timings = harness.interleaved(
            timed, options.rounds(10 * len(places)), warm_up=0
        )  # `same_pixels` has warmed up
    best = harness.fastest({name: timings[name] for name in others})
    figures = {
        "time_over_best": harness.ratio(timings["ours"], timings[best]),
        "time_over_best_file_read_before": harness.ratio(
            timings["ours, file read before"], timings[best]
        ),
        "speedup_vs_mmcv": harness.ratio(timings["mmcv.VideoReader"], timings["ours"]),
    }
    exact = f"not frame-exact: {', '.join(wrong)}" if wrong else "all readers give the same pixels"
    notes = [
        f"one window of {CLIP_LEN} frames, at {len(places)} places",
        f"the fastest of the others: {best}",
        exact,
    ]
    harness.report("decode", options, timings, figures, precision="uint8", notes=notes)
    return 1 if set(wrong) & set(OURS) else 0


if __name__ == "__main__":
    sys.exit(main())
