"""Compare lines with what their files hold: ranges, rates and lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from action_recognition.data.annotation_lines import Numbers
from action_recognition.data.sampling import FrameRange, num_valid_frames
from action_recognition.dataset_tools.checking.findings import Findings
from action_recognition.dataset_tools.checking.kinds import NOTE
from action_recognition.dataset_tools.checking.line_numbers import line_text
from action_recognition.dataset_tools.checking.media_report import MediaReport
from action_recognition.dataset_tools.checking.single_line import Row
from action_recognition.template import ClipInput

# Limits of the comparisons.
RATE_TOLERANCE = 0.02
"""The part of a rate by which a line and a file may differ.

30 and 29.97 are written for each other, 24 and 25 are not.
"""
SHORTEST_S, LONGEST_S = 0.3, 30.0
MIN_COLOURED_SHARE = 0.5


class ClipChecker:
    """Compare the rows of each file with the report on it.

    `clip_input` is what the template takes of a clip, if there is a template.
    """

    def __init__(self, findings: Findings, clip_input: ClipInput | None) -> None:
        self.findings, self.clip_input = findings, clip_input

    def check_file(self, rows: Sequence[Row], report: MediaReport) -> None:
        """Note a file's faults at each of its lines and its notes at the first. Check the lines."""
        # Every line of a broken file needs a repair. A note is given once.
        for fault in report.faults:
            for row in rows[:1] if fault.kind.startswith(NOTE) else rows:
                self.findings.add(row.place, fault.kind, fault.message, fault.repair)
                if fault.fatal:
                    self.findings.repair(row.place, None)

        # Lines with wrong numbers or labels are reported already.
        if report.is_readable:
            for row in rows:
                if row.sound:
                    self._check_row(row, report)

    def check_colours(
        self, rows: Mapping[Path, Sequence[Row]], reports: Mapping[Path, MediaReport]
    ) -> None:
        """Note videos without colour where most have it.

        Exchanged red and blue cannot be told from a blue room: that is not tried.
        """
        # A blank picture has no colour in any set.
        looks = {
            path: report.look
            for path, report in reports.items()
            if report.look is not None and not report.look.is_blank
        }
        grey = [path for path, look in looks.items() if look.is_grey]
        if len(looks) - len(grey) < MIN_COLOURED_SHARE * len(looks):
            return

        repair = "convert it again from its source"
        for row in (row for path in grey for row in rows[path]):
            message = f"{row.path.name} has no colour, most videos of this set have"
            self.findings.add(row.place, "colour-lost", message, repair)

    def note_readings(
        self, rows: Mapping[Path, Sequence[Row]], reports: Mapping[Path, MediaReport]
    ) -> None:
        """Note once how files are read that are not read as they state.

        A phone may give the same wrong statement to all of its videos.
        """
        files: dict[str, list[Path]] = {}
        for path, report in reports.items():
            for note in report.notes:
                files.setdefault(note, []).append(path)
        for note, paths in files.items():
            more = f"; the same holds for {len(paths) - 1} more files" if len(paths) > 1 else ""
            message = f"{paths[0].name} {note}{more}"
            self.findings.add(rows[paths[0]][0].place, "note-read-otherwise", message, "")

    def _check_row(self, row: Row, report: MediaReport) -> None:
        if row.raw.numbers is not None:
            self._check_range(row, row.raw.numbers, report)
        # The range may be repaired by now: the rate is compared in the new numbers.
        if row.raw.numbers is not None:
            self._check_rate(row, row.raw.numbers, report)

        # A line of two columns is the whole file.
        num_frames, rate = report.num_frames, report.frame_rate_fps or 0.0
        numbers = row.raw.numbers or (0, num_frames, 0, num_frames, rate)
        if numbers[0] < numbers[1] <= num_frames and numbers[4] > 0:
            self._check_length(row, _frame_range(numbers))

    def _check_range(self, row: Row, numbers: Numbers, report: MediaReport) -> None:
        """Note a line that counts more frames than the video has, and cut its ranges."""
        clip_start, clip_end, video_start, video_end, rate = numbers
        num_frames = report.num_frames
        if max(clip_end, video_end) <= num_frames:
            return

        held = f"{row.path.name} has {num_frames} frames"
        # A clip that begins after the end cannot be cut to the video.
        if clip_start >= num_frames:
            message = f"the clip begins at frame {clip_start}, {held}"
            repair = "correct the numbers, or leave the line out"
            self.findings.add(row.place, "range-beyond-video", message, repair)
            return
        clip_end, new_end = min(clip_end, num_frames), min(video_end, num_frames)
        message = f"the line ends the video at frame {video_end}, {held}"
        cut = (clip_start, clip_end, video_start, new_end, rate)
        self._repair(row, "range-beyond-video", message, cut)

    def _check_rate(self, row: Row, numbers: Numbers, report: MediaReport) -> None:
        """Note a line whose frame rate is not the file's, and take that of a file that is sure."""
        *_, rate = numbers
        stated = report.frame_rate_fps
        if stated is None or abs(rate / stated - 1.0) <= RATE_TOLERANCE:
            return
        found = f"the line says {rate:g} frames a second"
        if report.is_rate_sure:
            message = f"{found}, {row.path.name} runs at {stated:.3f}"
            self._repair(row, "rate-differs", message, (*numbers[:4], round(stated, 3)))
        else:
            message = f"{found}, {row.path.name} is read at {stated:.3f}, which is not sure"
            repair = "play the video and time it: its frames a second are those to write"
            self.findings.add(row.place, "note-rate-doubtful", message, repair)

    def _repair(self, row: Row, kind: str, message: str, numbers: Numbers) -> None:
        """Note a finding and give the row the numbers that repair it."""
        row.raw = row.raw._replace(numbers=numbers)
        text = line_text(row.raw)
        self.findings.add(row.place, kind, message, f"write {text!r}")
        self.findings.repair(row.place, text)

    def _check_length(self, row: Row, clip: FrameRange) -> None:
        """Note clips that are shorter or longer than a gesture."""
        num_frames = clip.clip_end - clip.clip_start
        seconds = num_frames / clip.frame_rate_fps
        found = f"the clip is {seconds:.3g} s long ({num_frames} frames)"
        if seconds < SHORTEST_S:
            repair = "check the range and the frame rate"
            self.findings.add(row.place, "note-very-short", found, repair)
        if seconds > LONGEST_S:
            self.findings.add(row.place, "note-very-long", found, "give the range of the gesture")
        if self.clip_input is not None:
            self._check_against_template(row, clip, self.clip_input)

    def _check_against_template(self, row: Row, clip: FrameRange, clip_input: ClipInput) -> None:
        """Note a video that gives less than half of the frames that the template takes."""
        wanted, rate_fps = clip_input.clip_len, clip_input.frame_rate_fps
        given = num_valid_frames(clip, rate_fps)
        if 2 * given < wanted:
            taken = f"{wanted} frames that the template takes at {rate_fps:g} fps"
            message = f"the video gives {given} of the {taken}"
            repair = "a longer video, or a template of fewer frames"
            self.findings.add(row.place, "too-short-for-template", message, repair)


def _frame_range(numbers: Numbers) -> FrameRange:
    clip_start, clip_end, video_start, video_end, rate_fps = numbers
    return FrameRange(
        clip_start=clip_start,
        clip_end=clip_end,
        video_start=video_start,
        video_end=video_end,
        frame_rate_fps=rate_fps,
    )
