"""Many lines: memory does not grow with findings, and every place in a file is told rightly."""

from __future__ import annotations

from pathlib import Path

from action_recognition.dataset_tools.checking import findings as findings_module
from action_recognition.dataset_tools.checking.across_splits import split_name
from action_recognition.dataset_tools.checking.check_dataset import CheckOptions, check
from action_recognition.dataset_tools.checking.findings import Findings, Place
from tests.synthetic import write_lines


def test_findings_of_a_kind_are_counted_when_they_are_too_many() -> None:
    findings = Findings(["a.txt"])
    for line in range(1, findings_module.MAX_OF_A_KIND + 6):
        findings.add(Place(0, line), "path-missing", "gone")
    kept = list(findings)
    assert (
        len(kept) == findings_module.MAX_OF_A_KIND + 1
        and findings.num_problems == findings_module.MAX_OF_A_KIND + 5
    )
    assert "and 5 more of this kind" in kept[-1].message


def test_lines_behind_comments_blanks_and_long_lines_keep_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    lines = [
        "# comment",
        "",
        "a.mp4 0",
        "x" * 50_000,
        "b.mp4 0",
        "\ufeff" + "a.mp4 0 0 9 0 9 30",
        "a.mp4 0 0 9 0 9 0",
    ]
    options = CheckOptions(
        ann_files=[write_lines(tmp_path / "all.txt", lines)],
        data_roots=[tmp_path],
        classes=["a"],
        opens_files=False,
    )
    found = [(item.line, item.kind) for item in check(options).findings]
    assert found == [
        (4, "line-too-long"),
        (5, "path-missing"),
        (6, "byte-order-mark"),
        (7, "duplicate-line"),
        (7, "rate-not-positive"),
    ]


def test_splits_are_told_by_the_words_of_a_name() -> None:
    assert [
        split_name(Path(name)) for name in ("my_validation.txt", "b/TEST-1.txt", "strain.txt")
    ] == ["val", "test", "strain"]
