"""Lines together with what their files hold: ranges, rates and lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from action_recognition.data.sampling import FrameRange, num_valid_frames
from action_recognition.dataset_tools.checking.findings import Findings
from action_recognition.dataset_tools.checking.kinds import NOTE
from action_recognition.dataset_tools.checking.media_report import MediaReport
from action_recognition.dataset_tools.checking.single_line import Row, line_text
from action_recognition.template import ClipInput

RATE_TOLERANCE = 0.02
"""Part of a rate by which a line and a file may differ: 30 and 29.97 are written for each other, 24 and 25 are not."""
SHORTEST_S, LONGEST_S = 0.3, 30.0
MIN_COLOURED_SHARE = 0.5


class ClipChecker:
    """Compares the rows of each file with the report on it; `clip_input` is what the template takes of a clip, if there is one."""

    def __init__(self, findings: Findings, clip_input: ClipInput | None) -> None:
        self.findings, self.clip_input = findings, clip_input

    def check_file(self, rows: Sequence[Row], report: MediaReport) -> None:
        """Note what is wrong with a file at every line of it, what is worth a note at the first, then look at the lines."""
        for fault in report.faults:
            for row in rows[:1] if fault.kind.startswith(NOTE) else rows:
                self.findings.add(row.place, fault.kind, fault.message, fault.repair)
                if fault.fatal:
                    self.findings.repair(row.place, None)
        if report.is_readable:
            for row in rows:
                if row.sound:
                    self._check_row(row, report)

    def check_colours(
        self, rows: Mapping[Path, Sequence[Row]], reports: Mapping[Path, MediaReport]
    ) -> None:
        """Note videos without colour where most have it. Exchanged red and blue cannot be told from a blue room: that is not tried."""
        looks = {
            path: report.look
            for path, report in reports.items()
            if report.look is not None and not report.look.is_blank
        }
        grey = [path for path, look in looks.items() if look.is_grey]
        if len(looks) - len(grey) >= MIN_COLOURED_SHARE * len(looks):
            for row in (row for path in grey for row in rows[path]):
                message = f"{row.path.name} has no colour, most videos of this set have"
                self.findings.add(
                    row.place, "colour-lost", message, "convert it again from its source"
                )

    def _check_row(self, row: Row, report: MediaReport) -> None:
        if row.raw.numbers is not None:
            self._check_range(row, report)
            self._check_rate(row, report)
        numbers = row.raw.numbers or (
            0,
            report.num_frames,
            0,
            report.num_frames,
            report.frame_rate_fps or 0.0,
        )
        if numbers[0] < numbers[1] <= report.num_frames and numbers[4] > 0:
            names = ("clip_start", "clip_end", "video_start", "video_end", "frame_rate_fps")
            self._check_length(row, FrameRange(**dict(zip(names, numbers, strict=True))))  # type: ignore[arg-type]

    def _check_range(self, row: Row, report: MediaReport) -> None:
        assert row.raw.numbers is not None
        clip_start, clip_end, video_start, video_end, rate = row.raw.numbers
        number = report.num_frames
        if max(clip_end, video_end) <= number:
            return
        message = (
            f"the line ends the video at frame {video_end}, {row.path.name} has {number} frames"
        )
        if clip_start >= number:
            message = f"the clip begins at frame {clip_start}, {row.path.name} has {number} frames"
            self.findings.add(
                row.place,
                "range-beyond-video",
                message,
                "correct the numbers, or leave the line out",
            )
            return
        row.raw = row.raw._replace(
            numbers=(clip_start, min(clip_end, number), video_start, min(video_end, number), rate)
        )
        self.findings.add(row.place, "range-beyond-video", message, f"write {line_text(row.raw)!r}")
        self.findings.repair(row.place, line_text(row.raw))

    def _check_rate(self, row: Row, report: MediaReport) -> None:
        assert row.raw.numbers is not None
        *frames, rate = row.raw.numbers
        stated = report.frame_rate_fps
        if stated is None or abs(rate / stated - 1.0) <= RATE_TOLERANCE:
            return
        row.raw = row.raw._replace(
            numbers=(frames[0], frames[1], frames[2], frames[3], round(stated, 3))
        )
        message = f"the line says {rate:g} frames a second, {row.path.name} runs at {stated:.3f}"
        self.findings.add(row.place, "rate-differs", message, f"write {line_text(row.raw)!r}")
        self.findings.repair(row.place, line_text(row.raw))

    def _check_length(self, row: Row, clip: FrameRange) -> None:
        seconds = (clip.clip_end - clip.clip_start) / clip.frame_rate_fps
        found = f"the clip is {seconds:.3g} s long ({clip.clip_end - clip.clip_start} frames)"
        if seconds < SHORTEST_S:
            self.findings.add(
                row.place, "note-very-short", found, "check the range and the frame rate"
            )
        if seconds > LONGEST_S:
            self.findings.add(row.place, "note-very-long", found, "give the range of the gesture")
        if self.clip_input is None:
            return
        wanted, given = (
            self.clip_input.clip_len,
            num_valid_frames(clip, self.clip_input.frame_rate_fps),
        )
        if 2 * given < wanted:
            message = f"the video gives {given} of the {wanted} frames that the template takes at {self.clip_input.frame_rate_fps:g} fps"
            self.findings.add(
                row.place,
                "too-short-for-template",
                message,
                "a longer video, or a template of fewer frames",
            )
