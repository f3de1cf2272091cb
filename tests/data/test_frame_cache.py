"""The cache of small frames: samples are the same to the bit, and the limit holds.

Both are true whatever happens to files and entries.
"""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import action_recognition.data.frame_source as frame_source
from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.data.batches import DamagedClip, Sample
from action_recognition.data.clip_orders import EpochShuffleSampler
from action_recognition.data.datasets import ClipDataset
from action_recognition.data.frame_cache import FrameCache
from action_recognition.data.frame_source import FrameSource
from action_recognition.data.loading.loader import make_loader
from action_recognition.errors import UserError
from action_recognition.template import Augmentation, ClipInput, load_template_dir
from tests.conftest import template_dir
from tests.data.clip_sets import batch_augmentation
from tests.synthetic import numbered_frames, write_frame_folder, write_lines, write_video

SHORT_SIDE = 48
LINES = ["large.mp4 0", "large.mp4 1 20 40 10 50 30", "small.mp4 1", "frames 2", "turned.mp4 2"]
ENTRY_BYTES = 40 * SHORT_SIDE * 64 * 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos above and below the cache's size, a turned one, and a frame folder."""
    folder = tmp_path_factory.mktemp("clips")
    noise = np.random.default_rng(0).integers(0, 60, (60, 120, 160, 3), dtype=np.uint8)
    write_video(folder / "large.mp4", numbered_frames(60, 120, 160) + noise // 3)
    write_video(folder / "small.mp4", numbered_frames(30, 32, 40, first=100))
    write_video(folder / "turned.mp4", numbered_frames(30, 120, 160), rotation=90)
    write_frame_folder(folder / "frames", numbered_frames(20, 60, 80, first=200))
    return folder


@pytest.fixture(scope="module")
def clip_input() -> ClipInput:
    """Jester's input at the size of the cache."""
    return load_template_dir(template_dir("jester"))[0].input.model_copy(
        update={"resize_short_side": SHORT_SIDE, "crop_size": 40}
    )


def records_of(root: Path, lines: list[str]) -> list[ClipRecord]:
    """Return the records of annotation lines."""
    return read_annotations([write_lines(root / "ann.txt", lines)], [root], ["a", "b", "c"])


def clip(item: Sample | DamagedClip) -> torch.Tensor:
    """Return the tensor of a whole sample."""
    assert isinstance(item, Sample), item
    return item.clip


def recipes() -> list[Augmentation | None]:
    """Return evaluation, the reference recipe and a batch recipe."""
    reference = load_template_dir(template_dir("jester"))[0].training.augmentation
    return [None, reference, batch_augmentation(temporal_jitter=True, temporal_speed_max=1.4)]


@pytest.mark.parametrize("augmentation", recipes(), ids=["evaluation", "reference", "batch"])
def test_cached_samples_equal_those_of_the_files(
    root: Path,
    clip_input: ClipInput,
    augmentation: Augmentation | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once the cache is filled, no file is decoded."""
    records = records_of(root, LINES)
    files = ClipDataset(records, clip_input, augmentation, seed=3)
    cache = FrameCache(tmp_path / "cache", 10**8, SHORT_SIDE)
    cached = ClipDataset(records, clip_input, augmentation, seed=3, source=cache)
    keys = [(epoch, index, 0) for epoch in range(3) for index in range(len(records))]
    expected = [clip(files[key]) for key in keys]

    def decodes(*_: object) -> None:
        """Fail, because the cache should have the frames."""
        raise AssertionError("a file was decoded")

    # The first epoch fills the cache.
    for key, one in zip(keys[: len(records)], expected, strict=False):
        assert torch.equal(clip(cached[key]), one)
    # From here on nothing may be decoded.
    for name in ("read_frames", "count_frames", "container_frame_rate"):
        monkeypatch.setattr(f"action_recognition.data.frame_cache.cache.{name}", decodes)
        monkeypatch.setattr(frame_source, name, decodes)
    for key, one in zip(keys, expected, strict=True):
        assert torch.equal(clip(pickle.loads(pickle.dumps(cached))[key]), one)


def test_workers_fill_one_cache_within_its_limit(
    root: Path, clip_input: ClipInput, tmp_path: Path
) -> None:
    """Two workers share one count of bytes."""
    lines = [f"large.mp4 0 {start + 5} {start + 15} {start} {start + 40} 30" for start in range(20)]
    records = records_of(root, lines)
    limit = 7 * (ENTRY_BYTES + 400)
    cache = FrameCache(tmp_path / "cache", limit, SHORT_SIDE)
    cached, files = ClipDataset(records, clip_input, source=cache), ClipDataset(records, clip_input)
    # 20 parts of one video, of which 7 fit.
    batches = list(make_loader(cached, 5, EpochShuffleSampler(len(records), 1), num_workers=2))
    for batch in batches:
        for one, index in zip(batch.clips, batch.indices.tolist(), strict=True):
            assert torch.equal(one, clip(files[index]))

    assert entry_bytes(tmp_path / "cache") <= limit
    assert 5 <= len(entries(tmp_path / "cache")) <= 7
    assert int((tmp_path / "cache" / "total_bytes").read_text()) >= entry_bytes(tmp_path / "cache")


def entries(folder: Path) -> list[Path]:
    """Return the files of all entries."""
    return sorted(folder.glob("*/*.frames"))


def entry_bytes(folder: Path) -> int:
    """Return the bytes of all entries."""
    return sum(path.stat().st_size for path in entries(folder))


def test_a_full_cache_drops_what_this_run_does_not_use_and_keeps_the_rest(
    root: Path, clip_input: ClipInput, tmp_path: Path
) -> None:
    """Entries of this run stay, and a second epoch finds them."""
    folder, limit = tmp_path / "cache", 3 * (ENTRY_BYTES + 400)

    def fill(starts: range, source: FrameSource) -> None:
        """Read one window at each start."""
        lines = [f"large.mp4 0 {at + 5} {at + 15} {at} {at + 40} 30" for at in starts]
        records = records_of(root, lines)
        data = ClipDataset(records, clip_input, source=source)
        for index in range(len(records)):
            clip(data[index])

    fill(range(2), FrameCache(folder, limit, SHORT_SIDE))
    old = entries(folder)
    # Entries of an earlier run.
    for path in old:
        os.utime(path, (1, 1))

    # The second run uses one of the old entries.
    second = FrameCache(folder, limit, SHORT_SIDE)
    fill(range(1, 8), second)
    kept = entries(folder)
    assert len(kept) == 3 and len(set(old) & set(kept)) == 1
    fill(range(1, 8), second)
    assert entries(folder) == kept


def test_changed_and_moved_videos_and_damaged_entries(
    root: Path, clip_input: ClipInput, tmp_path: Path
) -> None:
    """The content of a video decides, and damage of an entry is noticed."""
    data_root = tmp_path / "data"
    data_root.mkdir()
    shutil.copy(root / "large.mp4", data_root / "a.mp4")
    cache = FrameCache(tmp_path / "cache", 10**8, SHORT_SIDE)

    def read(name: str) -> torch.Tensor:
        """Read a clip, which must equal that of the file."""
        records = records_of(data_root, [f"{name} 0"])
        one = clip(ClipDataset(records, clip_input, source=cache)[0])
        assert torch.equal(one, clip(ClipDataset(records, clip_input)[0]))
        return one

    first = read("a.mp4")
    # The same content at another path is one entry.
    shutil.copy(data_root / "a.mp4", data_root / "moved.mp4")
    assert torch.equal(read("moved.mp4"), first) and len(entries(tmp_path / "cache")) == 1
    # Other content at the same path is another one.
    write_video(data_root / "a.mp4", 255 - numbered_frames(60, 120, 160))
    assert not torch.equal(read("a.mp4"), first)

    # A pixel that changes, and a file that is too short.
    for path in entries(tmp_path / "cache"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(content)
    assert torch.equal(read("moved.mp4"), first)
    for path in entries(tmp_path / "cache"):
        path.write_bytes(path.read_bytes()[:-9])
    assert torch.equal(read("moved.mp4"), first)


def test_what_is_damaged_is_said_as_without_a_cache(
    root: Path, clip_input: ClipInput, tmp_path: Path
) -> None:
    """The messages are those of the files."""
    (root / "broken.mp4").write_bytes(b"no video")
    # No video, and a line that is longer than its video.
    records = records_of(root, ["broken.mp4 0", "large.mp4 0 0 40 0 70 30"])
    cached = ClipDataset(
        records, clip_input, source=FrameCache(tmp_path / "cache", 10**8, SHORT_SIDE)
    )
    files = ClipDataset(records, clip_input)
    for index in range(2):
        assert isinstance(files[index], DamagedClip) and cached[index] == files[index]


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file in the place of the folder is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--frame-cache .*file: cannot be written to"):
        FrameCache(tmp_path / "file", 10**6, SHORT_SIDE)
