"""Clips a second that two workers feed to training: from videos, folders, shards and the cache.

A round is one epoch over 48 clips (3 s at 30 fps, 640 x 480). Each is a 16-frame window at half the
rate, resized and cropped to 224 pixels as the MS-ASL recipe does it. The cache of small frames is
full, and the page cache warm.
Figures:
    feed_X_clips_per_s, and feed_X_over_files, the ratio of rates. Above 1 is faster than from
    files. jester_clip_cpu_ms, msasl_clip_cpu_ms: CPU time of one process for a training clip as
        prepared. Jester: 36 JPEGs of 300 x 256 pixels at 12 fps, 8 of them read. MS-ASL: an MP4 of
        60 frames, 16 of them read. Beside them the KB that such a clip takes on disk.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/decode_feed.py` without an installed package

from action_recognition.commands.data.make_shards import main as make_shards
from action_recognition.data.annotations import read_annotations
from action_recognition.data.batches import Batch
from action_recognition.data.clip_orders import EpochShuffleSampler
from action_recognition.data.datasets import ClipDataset
from action_recognition.data.frame_cache import FrameCache
from action_recognition.data.frame_source import FileFrames, FrameSource
from action_recognition.data.loading.loader import make_loader
from action_recognition.data.video import forget_files, read_frames, set_decode_threads
from action_recognition.template import Template, load_template_dir
from benchmarks import harness
from benchmarks.decode import make_video

NUM_CLIPS, NUM_FRAMES, HEIGHT, WIDTH = 48, 90, 480, 640
NUM_WORKERS, BATCH_SIZE = 2, 8
TEMPLATE = (
    harness.REPOSITORY / "model_templates/gesture_recognition/s3d-rgb-mobilenet-v3-stream-msasl"
)


def make_data(root: Path, num_clips: int) -> None:
    """Write videos of one scene, different in their bytes, their frame folders and lists."""
    (root / "videos").mkdir(parents=True)
    make_video(root / "one.mp4", NUM_FRAMES, HEIGHT, WIDTH)
    content = (root / "one.mp4").read_bytes()
    pictures = read_frames(root / "one.mp4", range(NUM_FRAMES))
    jpegs = [cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes() for picture in pictures]
    for clip in range(num_clips):
        box = clip.to_bytes(8, "big")
        (root / "videos" / f"{clip}.mp4").write_bytes(
            content + (8 + len(box)).to_bytes(4, "big") + b"free" + box
        )
        folder = root / "frames" / str(clip)
        folder.mkdir(parents=True)
        for number, jpeg in enumerate(jpegs, start=1):
            (folder / f"{number:05d}.jpg").write_bytes(jpeg)
    numbers = f"0 0 {NUM_FRAMES} 0 {NUM_FRAMES} 30"
    for name, pattern in (("videos", "videos/{}.mp4"), ("frames", "frames/{}")):
        (root / f"{name}.txt").write_text(
            "".join(f"{pattern.format(clip)} {numbers}\n" for clip in range(num_clips))
        )


def feeds(root: Path, template: Template) -> dict[str, Callable[[], int]]:
    """Return for each source a function that reads an epoch and returns its number of clips."""
    flags = [
        "--ann-files",
        str(root / "videos.txt"),
        "--data-roots",
        str(root),
        "--output",
        str(root / "shards"),
        "--classes",
        "a",
    ]
    make_shards(flags)
    shards = Path(f"shards:{root}/shards/videos-*.tar")
    assert template.frames.resize_short_side is not None
    cache = FrameCache(root / "cache", 10**10, template.frames.resize_short_side)
    sources: Mapping[str, tuple[str, Path, FrameSource]] = {
        "files": ("videos", root, FileFrames(template.frames.resize_short_side)),
        "frame folders": ("frames", root, FileFrames(template.frames.resize_short_side)),
        "shards": ("videos", shards, FileFrames(template.frames.resize_short_side)),
        "cache": ("videos", root, cache),
    }
    return {name: _epoch(*values, template) for name, values in sources.items()}


def _epoch(
    ann_file: str, data_root: Path, source: FrameSource, template: Template
) -> Callable[[], int]:
    folder = (
        data_root if data_root.is_dir() else Path(str(data_root).removeprefix("shards:")).parent
    )
    records = read_annotations([folder / f"{ann_file}.txt"], [data_root], ["a"])
    clips = ClipDataset(records, template.frames, template.training.augmentation, source=source)
    sampler = EpochShuffleSampler(len(clips), seed=0)
    loader = make_loader(clips, BATCH_SIZE, sampler, NUM_WORKERS)

    def epoch() -> int:
        sampler.set_epoch(sampler.epoch + 1)
        batches: Sequence[Batch] = list(loader)
        return sum(len(batch.labels) for batch in batches)

    return epoch


def cpu_costs(root: Path, repeats: int) -> dict[str, float]:
    """Return CPU ms and KB of one prepared clip of Jester (a folder) and MS-ASL (a video)."""
    cv2.setNumThreads(0)
    set_decode_threads(1)
    costs: dict[str, float] = {}
    for name, num_frames, rate in (("jester", 36, 12), ("msasl", 60, 30)):
        template, _ = load_template_dir(TEMPLATE.with_name(f"s3d-rgb-mobilenet-v3-stream-{name}"))
        clip = root / f"{name}.mp4"
        make_video(clip, num_frames, 300, 256)
        if name == "jester":
            clip = root / "jester"
            clip.mkdir()
            for number, picture in enumerate(
                read_frames(root / "jester.mp4", range(num_frames)), start=1
            ):
                cv2.imwrite(str(clip / f"{number:05d}.jpg"), picture[..., ::-1])
        files = list(clip.iterdir()) if clip.is_dir() else [clip]
        costs[f"{name}_clip_kb"] = sum(file.stat().st_size for file in files) / 1000
        (root / f"{name}.txt").write_text(f"{clip.name} 0 0 {num_frames} 0 {num_frames} {rate}\n")
        records = read_annotations([root / f"{name}.txt"], [root], ["a"])
        clips = ClipDataset(records, template.frames, template.training.augmentation)
        began = time.process_time()
        for epoch in range(repeats):
            forget_files()
            clips[epoch, 0, 0]
        costs[f"{name}_clip_cpu_ms"] = 1000 * (time.process_time() - began) / repeats
    return costs


def main(argv: Sequence[str] | None = None) -> int:
    options = harness.parse_arguments(__doc__.splitlines()[0], argv)
    template, _ = load_template_dir(TEMPLATE)
    num_clips = NUM_CLIPS // 4 if options.quick else NUM_CLIPS
    with tempfile.TemporaryDirectory() as name:
        make_data(Path(name), num_clips)
        epochs = feeds(Path(name), template)
        timings = harness.interleaved(epochs, options.rounds(8))
        complete = {name: epoch() == num_clips for name, epoch in epochs.items()}
        costs = cpu_costs(Path(name), 20 if options.quick else 200)
        cached_mb = sum(path.stat().st_size for path in Path(name).glob("cache/*/*.frames")) / 1e6
    figures = {key: harness.Figure(value) for key, value in costs.items()}
    for key, timing in timings.items():
        rates = num_clips / timing.seconds
        low, median, high = np.percentile(rates, (25, 50, 75))
        figures[f"feed_{key.replace(' ', '_')}_clips_per_s"] = harness.Figure(
            float(median), float(low), float(high)
        )
        if key != "files":
            figures[f"feed_{key.replace(' ', '_')}_over_files"] = harness.ratio(
                timings["files"], timing
            )
    notes = [
        f"{num_clips} clips of {NUM_FRAMES} frames of {WIDTH} x {HEIGHT}, "
        f"{NUM_WORKERS} workers, batches of {BATCH_SIZE}",
        f"the cache takes {cached_mb / num_clips:.1f} MB a clip",
    ]
    harness.report("decode_feed", options, timings, figures, precision="uint8", notes=notes)
    return 0 if all(complete.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
