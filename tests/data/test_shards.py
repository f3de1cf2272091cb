"""Shards: the same samples as files, in WebDataset's form, and each broken one named."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from action_recognition.commands.data.make_shards import main as make_shards
from action_recognition.data.annotations import ClipTable, read_annotations
from action_recognition.data.batches import DamagedClip, Sample
from action_recognition.data.datasets import ClipDataset
from action_recognition.data.frame_cache import FrameCache
from action_recognition.data.shards.index import INDEX_SUFFIX, shard_files, shard_index
from action_recognition.errors import UserError
from action_recognition.template import Augmentation, ClipInput, load_template_dir
from tests.conftest import template_dir
from tests.synthetic import numbered_frames, write_frame_folder, write_lines, write_video

LABELS = ["a", "b", "c"]
LINES = [
    "videos/one two.mp4 0",
    "videos/one two.mp4 1 4 30 2 40 30",
    "videos/zwölf.v2.AVI 1",
    "frames/x.y 2",
    "./frames/12 0 0 10 0 20 15",
    "plain 2",
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos and frame folders with difficult names."""
    folder = tmp_path_factory.mktemp("clips")
    # Blanks, umlauts, several dots, upper case, and a video without a suffix.
    write_video(folder / "videos" / "one two.mp4", numbered_frames(40))
    write_video(folder / "videos" / "zwölf.v2.AVI", numbered_frames(30, first=100), codec="mpeg4")
    shutil.copy(folder / "videos" / "one two.mp4", folder / "plain")
    write_frame_folder(folder / "frames" / "x.y", numbered_frames(20, first=200), "{:05d}.jpg")
    write_frame_folder(folder / "frames" / "12", numbered_frames(25, first=300), "z_{:05d}.jpg")
    write_lines(folder / "train.txt", LINES)
    (folder / "classes.json").write_text(json.dumps(LABELS))
    return folder


@pytest.fixture(scope="module")
def shards(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same clips as shards."""
    folder = tmp_path_factory.mktemp("shards")
    assert call(root, folder) == 0
    return folder


@pytest.fixture(scope="module")
def clip_input() -> ClipInput:
    """Jester's input at 48 pixels."""
    return load_template_dir(template_dir("jester"))[0].input.model_copy(
        update={"resize_short_side": 48, "crop_size": 48}
    )


def call(root: Path, output: Path, *flags: str) -> int:
    """Make shards of a data root."""
    source = ["--ann-files", str(root / "train.txt"), "--data-roots", str(root)]
    return make_shards([*source, "--output", str(output), *flags])


def from_shards(folder: Path) -> ClipTable:
    """Read the clips of a folder of shards."""
    return read_annotations([folder / "train.txt"], [Path(f"shards:{folder}/train-*.tar")], LABELS)


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("cached", [False, True])
def test_samples_equal_those_of_the_files(
    root: Path, shards: Path, clip_input: ClipInput, trained: bool, cached: bool, tmp_path: Path
) -> None:
    """With and without augmentation and cache, to the bit."""
    augmentation: Augmentation | None = (
        load_template_dir(template_dir("jester"))[0].training.augmentation if trained else None
    )
    records = read_annotations([root / "train.txt"], [root], LABELS)
    files = ClipDataset(records, clip_input, augmentation, seed=3)

    source = FrameCache(tmp_path / "cache", 10**8, 48) if cached else None
    copied = pickle.loads(pickle.dumps(from_shards(shards)))
    sharded = ClipDataset(copied, clip_input, augmentation, seed=3, source=source)
    assert len(sharded) == len(files) == len(LINES)
    for epoch in range(2):
        for index in range(len(LINES)):
            one, other = files[epoch, index, 0], sharded[epoch, index, 0]
            assert isinstance(one, Sample) and isinstance(other, Sample)
            assert torch.equal(one.clip, other.clip)
            assert (one.label, one.index) == (other.label, other.index)


def test_shards_are_what_webdataset_reads(root: Path, shards: Path) -> None:
    """WebDataset finds the same bytes, and the clips in the JSON."""
    import webdataset

    samples = list(
        webdataset.WebDataset(sorted(map(str, shards.glob("*.tar"))), shardshuffle=False)
    )
    # Six lines name five videos and folders.
    found = {json.loads(sample["json"])["path"]: sample for sample in samples}
    assert len(samples) == len(found) == 5
    assert found["videos/one two.mp4"]["mp4"] == (root / "videos" / "one two.mp4").read_bytes()
    clips = json.loads(found["videos/one two.mp4"]["json"])["clips"]
    assert [clip["label_name"] for clip in clips] == ["a", "b"] and clips[1]["video_end"] == 40
    assert found["frames/x.y"]["00003.jpg"] == (root / "frames" / "x.y" / "00003.jpg").read_bytes()


def test_small_shards_an_index_that_is_not_needed_and_going_on(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second call writes the missing shard only."""
    (tmp_path / "clips").mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for number in range(4):
        # Content that nobody decodes.
        (tmp_path / "clips" / f"{number}.mp4").write_bytes(rng.bytes(600_000))
        lines.append(f"{number}.mp4 0")
    write_lines(tmp_path / "clips" / "train.txt", lines)

    assert call(tmp_path / "clips", tmp_path / "out", "--shard-mb", "1", "--classes", "a") == 0
    assert "4 videos in 4 shards" in capsys.readouterr().out
    paths = shard_files(f"shards:{tmp_path}/out/train-{{000000..000003}}.tar")
    with_index = [shard_index(path) for path in paths]

    # One shard is missing and made again.
    before = [path.stat().st_mtime_ns for path in paths]
    paths[2].unlink()
    call(tmp_path / "clips", tmp_path / "out", "--shard-mb", "1", "--classes", "a")
    after = [path.stat().st_mtime_ns for path in paths]
    assert [a == b for a, b in zip(after, before, strict=True)] == [True, True, False, True]

    for path in paths:
        path.with_name(path.name + INDEX_SUFFIX).unlink()
    assert [shard_index(path) for path in paths] == with_index
    with pytest.raises(UserError, match="is no shard of these clips"):
        call(tmp_path / "clips", tmp_path / "out", "--shard-mb", "100", "--classes", "a")


def cut(shard: Path) -> None:
    """Cut the end of a shard off."""
    shard.write_bytes(shard.read_bytes()[:-3000])


def cut_within_a_header(shard: Path) -> None:
    """Cut a shard within its first header, without an index."""
    shard.with_name(shard.name + INDEX_SUFFIX).unlink()
    shard.write_bytes(shard.read_bytes()[:700])


def cut_end_mark(shard: Path) -> None:
    """Cut the empty blocks at the end off."""
    shard.with_name(shard.name + INDEX_SUFFIX).unlink()
    with tarfile.open(shard) as members:
        # Up to the last whole block of content.
        last = members.getmembers()[-1]
    shard.write_bytes(shard.read_bytes()[: last.offset_data + -(-last.size // 512) * 512])


def no_tar(shard: Path) -> None:
    """Replace a shard by another file."""
    shard.write_bytes(b"no tar file" * 999_999)


def foreign(shard: Path) -> None:
    """Make a tar file without our JSON."""
    shard.with_name(shard.name + INDEX_SUFFIX).unlink()
    with tarfile.open(shard, "w") as members:
        info = tarfile.TarInfo("000.mp4")
        info.size = 9
        members.addfile(info, io.BytesIO(b"123456789"))


def links_instead_of_files(shard: Path) -> None:
    """Make a tar file of links out of its folder."""
    shard.with_name(shard.name + INDEX_SUFFIX).unlink()
    with tarfile.open(shard, "w") as members:
        for name, target in (("../../0.json", "../../0.json"), ("../../0.mp4", "/etc/passwd")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            members.addfile(info)


def description_of_absurd_size(shard: Path) -> None:
    """Make a JSON that claims a billion gigabytes."""
    shard.with_name(shard.name + INDEX_SUFFIX).unlink()
    with tarfile.open(shard, "w", format=tarfile.PAX_FORMAT) as members:
        sparse = {"major": "1", "minor": "0", "realsize": "9" * 18}
        headers = {f"GNU.sparse.{name}": value for name, value in sparse.items()}
        for name, claims in (("0.mp4", {}), ("0.json", headers)):
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = 1024, claims
            members.addfile(info, io.BytesIO(b"1\n0\n9\n".ljust(1024, b"\0")))


def index_of_absurd_size(shard: Path) -> None:
    """Make an index whose sample ends beyond its shard."""
    index = shard.with_name(shard.name + INDEX_SUFFIX)
    document = json.loads(index.read_bytes())
    document["samples"][0][3] = 10**15
    index.write_text(json.dumps(document))


def broken_index(shard: Path) -> None:
    """Make an index that is no JSON."""
    shard.with_name(shard.name + INDEX_SUFFIX).write_text("[1")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "the shard is truncated: "),
        (cut_within_a_header, "is truncated or not a tar file"),
        (cut_end_mark, "the shard is truncated: "),
        (no_tar, "is truncated or not a tar file"),
        (foreign, "sample '000' has no video, or no .json that holds its path"),
        (links_instead_of_files, "is truncated"),
        (description_of_absurd_size, "sample '0' has no video, or no .json that holds its path"),
        (index_of_absurd_size, "is not an index of a shard"),
        (broken_index, "is not an index of a shard"),
    ],
)
def test_a_broken_shard_is_named(
    damage: Callable[[Path], None], message: str, shards: Path, tmp_path: Path
) -> None:
    """Each kind of damage gives one message with the name of the shard."""
    shutil.copytree(shards, tmp_path / "copy")
    damage(tmp_path / "copy" / "train-000000.tar")
    with pytest.raises(UserError) as error:
        from_shards(tmp_path / "copy")
    assert "copy/train-000000.tar" in str(error.value) and message in str(error.value)


def test_what_is_not_there_is_named(shards: Path, tmp_path: Path) -> None:
    """Missing shards and missing videos are named."""
    with pytest.raises(UserError, match=r"absent-\*\.tar: there is no such shard"):
        read_annotations([shards / "train.txt"], [Path(f"shards:{shards}/absent-*.tar")], LABELS)
    with pytest.raises(UserError, match=r"train-000001\.tar: there is no such shard"):
        read_annotations(
            [shards / "train.txt"], [Path(f"shards:{shards}/train-{{000000..000001}}.tar")], LABELS
        )
    ann_file = write_lines(tmp_path / "more.txt", ["videos/one two.mp4 0", "videos/absent.mp4 0"])

    with pytest.raises(
        UserError, match=r"more.txt:2: no video 'videos/absent.mp4' in the 1 shards"
    ):
        read_annotations([ann_file], [Path(f"shards:{shards}/train-*.tar")], LABELS)


def test_a_shard_that_is_cut_while_training_damages_its_clips_only(
    shards: Path, clip_input: ClipInput, tmp_path: Path
) -> None:
    """The first clip is read, the last one is damaged."""
    shutil.copytree(shards, tmp_path / "copy")
    clips = ClipDataset(from_shards(tmp_path / "copy"), clip_input)
    places = sorted((record.path.offset, index) for index, record in enumerate(clips.records))
    with (tmp_path / "copy" / "train-000000.tar").open("r+b") as file:
        # Five bytes of the last sample remain.
        file.truncate(places[-1][0] + 5)
    damaged, whole = clips[places[-1][1]], clips[places[0][1]]

    assert isinstance(damaged, DamagedClip)
    assert "train-000000.tar: the shard is truncated" in damaged.message
    assert isinstance(whole, Sample)
