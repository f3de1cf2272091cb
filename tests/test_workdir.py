from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from action_recognition import __version__
from action_recognition.download import part_file
from action_recognition.errors import UserError
from action_recognition.workdir import InstantiateOptions, instantiate, writing
from tests.conftest import REPOSITORY, template_dir

SCRIPTS = ("train", "eval", "calibrate", "export", "compress", "demo", "predict")
MADE = {
    "template.yaml",
    "model.yaml",
    "instantiated_from.json",
    *(f"{name}.py" for name in SCRIPTS),
}
WEIGHTS = b"these stand in for weights" * 1000
JESTER_SNAPSHOT = "https://docs.google.com/uc?export=download&id=1lDm2qOxMRyXZW6y7owlQBv8SGvGIKpcX"


class Network:
    """What the template's snapshot address answers, and the lines that were said."""

    def __init__(self, address: Path) -> None:
        self.file = address
        self.said: list[str] = []

    def options(self, **changes: Any) -> InstantiateOptions:
        return InstantiateOptions(**{"say": self.said.append, **changes})


@pytest.fixture
def network(tmp_path: Path) -> Network:
    (tmp_path / "published").mkdir()
    file = tmp_path / "published" / "snapshot.pth"
    file.write_bytes(WEIGHTS)
    return Network(file)


@pytest.fixture
def template(tmp_path: Path, network: Network) -> Path:
    """The Jester template in a folder with a blank in its name. Its snapshot is a file: address."""
    folder = tmp_path / "my templates" / "jester"
    shutil.copytree(template_dir("jester"), folder)
    path = folder / "template.yaml"
    text = path.read_text(encoding="utf-8")
    text = text.replace(JESTER_SNAPSHOT, network.file.as_uri()).replace(
        "33272762", str(len(WEIGHTS))
    )
    text = text.replace(
        "387f42e4a71ca0955e174d4661f795989b35056993f0049f45df4c56f83273d4",
        hashlib.sha256(WEIGHTS).hexdigest(),
    )
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "work dir"


def _record(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        (folder / "instantiated_from.json").read_text(encoding="utf-8")
    )
    return loaded


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _all_bytes(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_work_dir_holds_the_template_the_scripts_and_the_weights(
    template: Path, target: Path, network: Network
) -> None:
    made = instantiate(template, target, network.options())
    assert made.path == target.resolve()
    assert _names(target) == MADE | {"snapshot.pth"}
    assert (target / "snapshot.pth").read_bytes() == WEIGHTS
    for name in ("template.yaml", "model.yaml"):
        assert (target / name).read_bytes() == (template.parent / name).read_bytes()
    assert (target / "train.py").read_bytes() == (
        REPOSITORY / "tools/workdir/train.py"
    ).read_bytes()
    assert _names(target.parent) == {"published", "my templates", "work dir"}, (
        "nothing may be left beside the work dir"
    )


def test_the_record_says_what_it_was_made_from(
    template: Path, target: Path, network: Network
) -> None:
    instantiate(template, target, network.options())
    record = _record(target)
    assert record["template"] == str(template.resolve())
    assert record["template_name"] == "s3d-rgb-mobilenet-v3-stream-jester"
    assert record["package_version"] == __version__
    assert record["files"].keys() == MADE - {"instantiated_from.json"}
    for name, sha256 in record["files"].items():
        assert hashlib.sha256((target / name).read_bytes()).hexdigest() == sha256
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    assert record["snapshot"] == {
        "source": network.file.as_uri(),
        "size": len(WEIGHTS),
        "sha256": sha256,
        "expected_sha256": sha256,
        "verified": True,
    }


def test_a_template_of_the_repository_is_recorded_relative_to_it(
    target: Path, network: Network
) -> None:
    instantiate(template_dir("msasl"), target, network.options(load_snapshot=False))
    assert (
        _record(target)["template"]
        == "model_templates/gesture_recognition/s3d-rgb-mobilenet-v3-stream-msasl/template.yaml"
    )
    assert not (target / "snapshot.pth").exists()
    assert any("https://download.01.org" in line for line in network.said)


def test_a_template_with_problems_creates_nothing(
    template: Path, target: Path, network: Network
) -> None:
    text = template.read_text(encoding="utf-8")
    template.write_text(
        text.replace("clip_len: 8", "clip_len: x").replace("gpu_num: 4", "gpus: 4"),
        encoding="utf-8",
    )
    with pytest.raises(UserError) as caught:
        instantiate(template, target, network.options())
    assert len(caught.value.problems) == 3
    assert not target.exists()


def test_what_is_not_a_template_is_said(tmp_path: Path, target: Path, network: Network) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        instantiate(tmp_path / "missing" / "template.yaml", target, network.options())
    with pytest.raises(UserError, match="is not a template"):
        instantiate(tmp_path / "model.yaml", target, network.options())


def test_the_nearest_template_is_named(template: Path, target: Path, network: Network) -> None:
    folder = template.parent if template.is_file() else template
    with pytest.raises(UserError, match=f"is not a template, did you mean '{folder.name}'"):
        instantiate(folder.with_name(folder.name[:-1]), target, network.options())


def test_weights_that_are_there_are_not_fetched_again(
    template: Path, target: Path, network: Network
) -> None:
    instantiate(template, target, network.options())
    network.file.unlink()
    instantiate(template, target, network.options())
    assert "snapshot.pth is there and verified" in network.said
    assert _record(target)["snapshot"]["source"] == network.file.as_uri()


def test_without_network_the_work_dir_lacks_only_the_weights_and_a_rerun_completes_it(
    template: Path, target: Path, network: Network
) -> None:
    network.file.unlink()
    with pytest.raises(UserError) as caught:
        instantiate(template, target, network.options())
    message = str(caught.value)
    for part in (
        network.file.as_uri(),
        str(len(WEIGHTS)),
        hashlib.sha256(WEIGHTS).hexdigest(),
        "--snapshot FILE",
        "--do-not-load-snapshot",
    ):
        assert part in message
    assert _names(target) == MADE
    network.file.write_bytes(WEIGHTS)
    instantiate(template, target, network.options())
    assert (target / "snapshot.pth").read_bytes() == WEIGHTS


def test_weights_from_disk_with_another_hash_are_taken_said_and_recorded(
    template: Path, target: Path, network: Network, tmp_path: Path
) -> None:
    other = tmp_path / "mine.pth"
    other.write_bytes(b"mine")
    instantiate(template, target, network.options(snapshot=other))
    assert (target / "snapshot.pth").read_bytes() == b"mine"
    recorded = _record(target)["snapshot"]
    assert (recorded["source"], recorded["sha256"], recorded["verified"]) == (
        str(other),
        hashlib.sha256(b"mine").hexdigest(),
        False,
    )
    assert any("not the published file" in line for line in network.said)


def test_weights_put_into_the_work_dir_by_hand_are_kept(
    template: Path, target: Path, network: Network, tmp_path: Path
) -> None:
    instantiate(template, target, network.options(load_snapshot=False))
    (target / "snapshot.pth").write_bytes(b"by hand")
    instantiate(template, target, network.options())
    assert (target / "snapshot.pth").read_bytes() == b"by hand"
    assert _record(target)["snapshot"]["verified"] is False
    (target / "snapshot.pth").write_bytes(b"again by hand")
    other = tmp_path / "mine.pth"
    other.write_bytes(b"mine")
    with pytest.raises(UserError, match="was changed"):
        instantiate(template, target, network.options(snapshot=other))
    assert (target / "snapshot.pth").read_bytes() == b"again by hand"


def test_a_snapshot_flag_without_a_file_creates_nothing(
    template: Path, target: Path, network: Network, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="--snapshot"):
        instantiate(template, target, network.options(snapshot=tmp_path / "nowhere.pth"))
    assert not target.exists()


def test_a_folder_with_someones_files_is_refused_and_untouched(
    template: Path, target: Path, network: Network
) -> None:
    target.mkdir()
    for number in range(8):
        (target / f"thesis{number}.txt").write_text("mine", encoding="utf-8")
    before = _all_bytes(target)
    with pytest.raises(UserError, match=r"thesis0.txt, .*thesis4.txt and 3 more"):
        instantiate(template, target, network.options())
    assert _all_bytes(target) == before


def test_an_empty_folder_is_used(template: Path, target: Path, network: Network) -> None:
    target.mkdir()
    instantiate(template, target, network.options())
    assert _names(target) == MADE | {"snapshot.pth"}


def test_force_keeps_what_was_there(template: Path, target: Path, network: Network) -> None:
    for number in (1, 2):
        target.mkdir(exist_ok=True)
        (target / "thesis.txt").write_text(f"mine {number}", encoding="utf-8")
        instantiate(template, target, network.options(force=True))
        assert (target.with_name(f"work dir.backup-{number}") / "thesis.txt").read_text(
            encoding="utf-8"
        ) == f"mine {number}"
        assert _names(target) == MADE | {"snapshot.pth"}


def test_force_takes_an_unfinished_download_along(
    template: Path, target: Path, network: Network
) -> None:
    instantiate(template, target, network.options(load_snapshot=False))
    part_file(target / "snapshot.pth").write_bytes(WEIGHTS[:100])
    instantiate(template, target, network.options(force=True, load_snapshot=False))
    assert part_file(target / "snapshot.pth").read_bytes() == WEIGHTS[:100]


def test_force_puts_everything_back_when_the_new_one_cannot_be_written(
    template: Path, target: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.mkdir()
    (target / "thesis.txt").write_text("mine", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        instantiate(template, target, network.options(force=True))
    assert _all_bytes(target) == {"thesis.txt": b"mine"}
    assert _names(target.parent) == {"published", "my templates", "work dir"}


def test_an_interrupt_leaves_nothing_half_made(
    template: Path, target: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = []

    def interrupted(source: Path, destination: Path) -> None:
        if len(copied) == 3:
            raise KeyboardInterrupt
        copied.append(destination)
        destination.write_bytes(source.read_bytes())

    monkeypatch.setattr(writing.shutil, "copyfile", interrupted)
    with pytest.raises(KeyboardInterrupt):
        instantiate(template, target, network.options())
    assert not target.exists()
    assert _names(target.parent) == {"published", "my templates"}
    target.mkdir()  # into an empty folder it writes in place: the next call must know it as its own
    copied.clear()
    with pytest.raises(KeyboardInterrupt):
        instantiate(template, target, network.options())
    monkeypatch.undo()
    instantiate(template, target, network.options())
    assert _names(target) == MADE | {"snapshot.pth"}


def test_an_edited_template_is_not_overwritten(
    template: Path, target: Path, network: Network
) -> None:
    instantiate(template, target, network.options())
    edited = (
        (target / "template.yaml").read_text(encoding="utf-8").replace("epochs: 65", "epochs: 5")
    )
    (target / "template.yaml").write_text(edited, encoding="utf-8")
    with pytest.raises(UserError, match=r"template.yaml: was changed since the work dir was made"):
        instantiate(template, target, network.options())
    assert (target / "template.yaml").read_text(encoding="utf-8") == edited


def test_an_unedited_work_dir_takes_a_newer_template_and_keeps_its_outputs(
    template: Path, target: Path, network: Network
) -> None:
    instantiate(template, target, network.options())
    (target / "outputs").mkdir()
    (target / "outputs" / "latest.pth").write_bytes(b"trained")
    newer = template.read_text(encoding="utf-8").replace("epochs: 65", "epochs: 66")
    template.write_text(newer, encoding="utf-8")
    instantiate(template, target, network.options())
    assert (target / "template.yaml").read_text(encoding="utf-8") == newer
    assert (target / "outputs" / "latest.pth").read_bytes() == b"trained"


def test_a_work_dir_of_another_template_is_refused(
    template: Path, target: Path, network: Network
) -> None:
    instantiate(template, target, network.options())
    with pytest.raises(
        UserError,
        match=r"was made from s3d-rgb-\S+-jester, not s3d-rgb-mobilenet-v3-stream-msasl",
    ):
        instantiate(template_dir("msasl"), target, network.options(load_snapshot=False))


def test_places_that_cannot_be_a_work_dir(template: Path, target: Path, network: Network) -> None:
    target.write_text("a file", encoding="utf-8")
    force = network.options(force=True)
    for place, said in (
        (target, "is a file"),
        (template.parent, "lies in the template's folder"),
        (template.parent / "sub" / ".." / "out", "lies in the template's folder"),
        (template.parent.parent, "holds"),
        (REPOSITORY, "holds"),
        (REPOSITORY.parent, "holds"),
        (REPOSITORY / "tools", "holds .*, which is needed"),
    ):
        with pytest.raises(UserError, match=said):
            instantiate(template, place, force)
    assert target.read_text(encoding="utf-8") == "a file"


def test_force_does_not_move_the_weights_it_was_given(
    template: Path, target: Path, network: Network
) -> None:
    instantiate(template, target, network.options())
    with pytest.raises(UserError, match="copy it elsewhere first"):
        instantiate(template, target, network.options(force=True, snapshot=target / "snapshot.pth"))
    assert (target / "snapshot.pth").read_bytes() == WEIGHTS


def test_a_link_to_a_work_dir_is_followed(template: Path, tmp_path: Path, network: Network) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    instantiate(template, tmp_path / "link", network.options(load_snapshot=False))
    assert _names(tmp_path / "real") == MADE
    assert (tmp_path / "link").is_symlink()


def test_links_in_a_template_stay_inside_it(
    template: Path, target: Path, network: Network, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    folder = template.parent
    (folder / "out.txt").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(folder.parent)
    (folder / "notes").mkdir()
    (folder / "notes" / "same.yaml").symlink_to(folder / "model.yaml")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x", encoding="utf-8")
    instantiate(template, target, network.options(load_snapshot=False))
    assert _names(target) == MADE | {"notes"}
    copied = target / "notes" / "same.yaml"
    assert not copied.is_symlink()
    assert copied.read_bytes() == (folder / "model.yaml").read_bytes()
    assert any("out.txt is a link that leaves" in line for line in network.said)


def test_other_files_of_a_template_come_along(
    template: Path, target: Path, network: Network
) -> None:
    (template.parent / "extra.txt").write_text("extra", encoding="utf-8")
    text = template.read_text(encoding="utf-8")
    template.write_text(
        text.replace(
            "dependencies:\n",
            "dependencies:\n  - {source: extra.txt, destination: notes/renamed.txt}\n",
        ),
        encoding="utf-8",
    )
    instantiate(template, target, network.options())
    assert (target / "notes" / "renamed.txt").read_text(encoding="utf-8") == "extra"
    template.write_text(
        text.replace("dependencies:\n", "dependencies:\n  - {source: ../../x, destination: x}\n"),
        encoding="utf-8",
    )
    with pytest.raises(
        UserError, match=r"'../../x' is neither an address nor a file of the template's folder"
    ):
        instantiate(template, target, network.options())


def test_a_work_dir_can_be_a_template_without_its_outputs(
    template: Path, target: Path, network: Network, tmp_path: Path
) -> None:
    instantiate(template, target, network.options())
    (target / "outputs").mkdir()
    (target / "outputs" / "latest.pth").write_bytes(b"trained")
    second = tmp_path / "second"
    instantiate(target / "template.yaml", second, network.options())
    assert _names(second) == MADE | {"snapshot.pth"}


def test_a_template_without_weights(template: Path, target: Path, network: Network) -> None:
    text = template.read_text(encoding="utf-8")
    head, rest = text.split("dependencies:\n")
    template.write_text(
        f"{head}dependencies: []\n\n{rest[rest.index('metrics:') :]}", encoding="utf-8"
    )
    instantiate(template, target, network.options())
    assert _names(target) == MADE
    assert "this template publishes no start weights" in network.said
