"""The page at the end of a build: one file that needs no network, no script and no server.

No text of the data set is read as markup: all of it is escaped. The content security policy allows
the page's own style by its hash, pictures inside the file, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path

import numpy as np

from action_recognition.building.advice import advice
from action_recognition.building.playing import playing_clip
from action_recognition.building.results import Answer, Results
from action_recognition.deploy.calibration.measures import bootstrap_interval
from action_recognition.program import TOOLKIT

_WORST_SHOWN = 12
_LEFT_OUT_SHOWN = 20
_CHOSEN_ON_TESTED = (
    " The source has one part beside train: epoch and calibration were chosen on these clips, too. "
    "So the accuracy is likely a little too high."
)


@dataclass(frozen=True)
class BuildFacts:
    """Facts of the build beside its results. `times` are (step, seconds, CPU seconds)."""

    title: str
    source: Path
    output: Path
    says: Sequence[str]
    commands: Sequence[str]
    times: Sequence[tuple[str, float, float]]


def report_page(facts: BuildFacts, results: Results) -> str:
    """Return the HTML of the page."""
    style = resources.files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    # A page that is sent around runs nothing: its policy allows its own style, and no script.
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'"
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(facts.title)}</title><style>{style}</style></head><body><main>"
    )
    # In the order in which a reader asks.
    sections = [
        f"<h1>{escape(facts.title)}</h1>",
        f'<p class="soft">{escape("; ".join(facts.says))}.</p>',
        _accuracy(results),
        _try_it(facts.output),
        _next(results),
        _confusion(results),
        _worst(results),
        _people(results),
        _not_taken(results),
        _commands(facts),
    ]
    return head + "\n".join(filter(None, sections)) + "</main></body></html>\n"


def _accuracy(results: Results) -> str:
    """Return the box with the accuracy, its interval, and on whom it was measured."""
    found = results.evaluation
    top1, num_clips = found["top1_of_clips"], found["num_clips"]
    low, high = interval_percent(results)
    chance = 100.0 / len(results.labels)
    bar = _bar(top1, low, high, chance)
    right = round(top1 * num_clips / 100)
    return (
        f'<div class="accuracy"><b>{top1:.0f} %</b> of the tested clips are right '
        f"({right} of {num_clips}; 95 % interval {low:.0f} to {high:.0f} %){bar}"
        f'<div class="ends small soft"><span>0 %, grey line: chance, {chance:.0f} %</span>'
        f"<span>100 %</span></div><p>{escape(on_whom(results))}</p></div>"
    )


def _bar(value: float, low: float, high: float, chance: float) -> str:
    """Return a scale from 0 to 100 % with the value, its interval, and chance."""
    described = f"95 % interval {low:.0f} to {high:.0f} %"
    width = max(0.5, high - low)
    marks = (
        '<rect class="track" x="0" y="6" width="100%" height="10" rx="5"/>',
        f'<rect class="range" x="{low:.1f}%" y="6" width="{width:.1f}%" height="10" rx="5"/>',
        f'<rect class="value" x="{min(99.5, value):.1f}%" y="2" width="3" height="18"/>',
        f'<rect class="chance" x="{chance:.1f}%" y="2" width="2" height="18"/>',
    )
    return (
        f'<svg width="100%" height="22" role="img" aria-label="{described}">{"".join(marks)}</svg>'
    )


def interval_percent(results: Results) -> tuple[float, float]:
    """Return the 95 % interval of the share of right clips, in %.

    Clips of one person are alike. So people are resampled, too, and the wider interval is taken.
    """
    low, high = results.evaluation["interval"]
    people = [answer.person for answer in results.answers]
    if len(set(people)) < 2 or "" in people:
        return float(low), float(high)
    right = np.array([answer.is_right for answer in results.answers], float)
    groups = np.unique(people, return_inverse=True)[1]
    found = bootstrap_interval(lambda rows: 100 * float(right[rows].mean()), groups)
    return min(low, found[0]), max(high, found[1])


def on_whom(results: Results) -> str:
    """Return in words who was tested, and what that is worth."""
    people = results.by_person()
    folds = results.evaluation.get("num_folds", 0)
    # Folds go by person only where eval.py was told the people: names in a table are not enough.
    apart = results.evaluation.get("num_people", 0)
    if folds and apart:
        return (
            f"Every clip of {apart} people was tested by a model that never saw that person "
            f"({folds} models, one for each part of the people). The exported model learned from "
            "all of them, so expect about this accuracy on strangers in similar places."
        )
    if folds:
        if len(people) > 1:
            who = "A person may be on both sides"
        elif people:
            who = "All clips are of one person"
        else:
            who = "It is not known who is in them. The model may know the people"
        return (
            f"Every clip was tested by a model that never saw that clip ({folds} models). "
            f"{who}, so strangers will fare worse."
        )
    files = ", ".join(results.evaluation["annotation_sha256"])
    chosen = _CHOSEN_ON_TESTED if results.is_chosen_on_tested else ""
    if people:
        return f"Tested on {len(people)} people ({files}). {_met_before(results)}{chosen}"
    return f"Tested on the clips of {files}. It is not known who is in them.{chosen}"


def _met_before(results: Results) -> str:
    """Return what is known about people who are in several parts of a split."""
    shared = [text for text in results.imported["warnings"] if "more than one part" in text]
    if shared:
        return "Some of them are in the training clips, too, so strangers will fare worse."
    return "The model never saw them."


def _try_it(output: Path) -> str:
    live = f"cd {shlex.quote(f'{output}/export')}\npython run.py                # the camera\n"
    live += "python run.py clip.mp4       # a file"
    own = (
        "from action_recognition.deploy import Predictor\n\n"
        f"predictor = Predictor.from_path({f'{output}/export/model.xml'!r})\n"
        'print(predictor.predict_file("clip.mp4").to_dict())'
    )
    return (
        f"<h2>Run it</h2>{_code(live)}"
        f"<p>In a program of your own. Neither PyTorch nor the work dir is needed.</p>{_code(own)}"
    )


def _next(results: Results) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in advice(results))
    again = "New clips go into the same folder. The same command then builds anew."
    return f"<h2>What to record next</h2><ul>{lines}</ul><p>{again}</p>"


def _confusion(results: Results) -> str:
    """Return the confusion matrix as a table. The shade is the share of the row."""
    counts, labels = results.counts(), results.labels
    names = "".join(f'<th class="column"><span>{escape(name)}</span></th>' for name in labels)
    rows = []
    for label in labels:
        total = sum(counts.get((label, other), 0) for other in labels)
        cells = [_cell(counts.get((label, other), 0), total, label == other) for other in labels]
        # A gesture without a clip that was measured has no share.
        share = f"{100 * counts.get((label, label), 0) / total:.0f} %" if total else ""
        head = f'<th scope="row">{escape(label)}</th>'
        rows.append(f"<tr>{head}{''.join(cells)}<td>{share}</td></tr>")
    return (
        "<h2>What was taken for what</h2>"
        '<p class="soft small">A row is a gesture, a column what its clips were taken for.</p>'
        f'<div class="wide" tabindex="0"><table class="confusion"><tr><td></td>{names}'
        f'<th class="column"><span>right</span></th></tr>{"".join(rows)}</table></div>'
    )


def _cell(count: int, total: int, is_right: bool) -> str:
    if not count:
        return "<td></td>"
    # Classes instead of styles, which the policy of the page forbids.
    tone = "good" if is_right else "bad"
    return f'<td class="{tone}{min(4, 1 + int(4 * count / total))}">{count}</td>'


def _worst(results: Results) -> str:
    worst = results.worst[:_WORST_SHOWN]
    if not worst:
        return "<h2>Mistakes</h2><p>No tested clip was taken for another gesture.</p>"
    total = len(results.worst)
    which = "all" if total <= _WORST_SHOWN else f"{len(worst)} of {total}, the surest first"
    figures = "".join(_figure(answer) for answer in worst)
    return (
        f'<h2>Mistakes <span class="soft small">({which})</span></h2>'
        f'<div class="clips">{figures}</div>'
    )


def _figure(answer: Answer) -> str:
    address = playing_clip(answer.path, answer.start, answer.end)
    picture = f'<img src="{address}" alt="">' if address else '<div class="none">no picture</div>'
    who = f" by {escape(answer.person)}" if answer.person else ""
    name = escape(answer.path.name.encode("utf-8", "backslashreplace").decode())
    return (
        f"<figure>{picture}<figcaption><b>{escape(answer.label)}</b>{who}, taken for "
        f'<b class="taken">{escape(answer.predicted)}</b><br>'
        f'<span class="soft">{name}</span></figcaption></figure>'
    )


def _people(results: Results) -> str:
    people = results.by_person()
    if not people:
        return ""
    rows = "".join(
        f"<tr><td>{escape(person)}</td><td>{tested}</td><td>{right}</td>"
        f"<td>{100 * right / tested:.0f} %</td></tr>"
        for person, (right, tested) in people.items()
    )
    head = "<tr><th>person</th><th>clips</th><th>right</th><th>share</th></tr>"
    return f'<h2>People</h2><div class="wide" tabindex="0"><table>{head}{rows}</table></div>'


def _not_taken(results: Results) -> str:
    """Return what was left out, and what the check found."""
    left_out = [f"{item['where']}: {item['reason']}" for item in results.imported["left_out"]]
    found = [
        f"{item['file']}:{item['line']}: {item['message']}"
        for item in results.findings
        if not str(item["kind"]).startswith("note")
    ]
    texts = {
        "Warnings of the import": results.imported["warnings"],
        "Left out": left_out,
        "Found by the check": found,
    }
    parts = [_listed(title, lines) for title, lines in texts.items() if lines]
    if not parts:
        return "<h2>The clips</h2><p>All files were taken, and the check found no problem.</p>"
    return f"<h2>The clips</h2>{''.join(parts)}"


def _listed(title: str, lines: Sequence[str]) -> str:
    shown = "".join(f"<li>{escape(_printable(line))}</li>" for line in lines[:_LEFT_OUT_SHOWN])
    hidden = len(lines) - _LEFT_OUT_SHOWN
    more = (
        f"<p>and {hidden} more: see data/report.txt and data/findings.json</p>"
        if hidden > 0
        else ""
    )
    opened = " open" if len(lines) <= 5 else ""
    return (
        f"<details{opened}><summary>{title}: {len(lines)}</summary><ul>{shown}</ul>{more}</details>"
    )


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _commands(facts: BuildFacts) -> str:
    """Return the commands that were run, which a user can change and run alone, and their times."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{seconds:.0f}</td><td>{cpu:.0f}</td></tr>"
        for name, seconds, cpu in facts.times
    )
    sums = [sum(row[place] for row in _numbers(facts.times)) for place in (0, 1)]
    whole = f"<td>{sums[0]:.0f}</td><td>{sums[1]:.0f}</td>"
    total = f'<tr class="total"><th scope="row">all</th>{whole}</tr>'
    head = "<tr><th>step</th><th>seconds</th><th>CPU seconds</th></tr>"
    return (
        "<h2>The commands</h2><p>Each step was an ordinary command. Change it, and go on by "
        f"yourself. The guides are in <code>{escape(str(TOOLKIT / 'docs'))}</code>.</p>"
        f"{_code(chr(10).join(facts.commands))}"
        f'<div class="wide" tabindex="0"><table>{head}{rows}{total}</table></div>'
    )


def _numbers(times: Sequence[tuple[str, float, float]]) -> list[tuple[float, float]]:
    return [(seconds, cpu) for _, seconds, cpu in times]


def _code(text: str) -> str:
    return f"<pre><code>{escape(_printable(text))}</code></pre>"


def short_texts(results: Results) -> Mapping[str, str]:
    """Return the accuracy in one line, for the console."""
    low, high = interval_percent(results)
    top1, num_clips = results.evaluation["top1_of_clips"], results.evaluation["num_clips"]
    return {
        "accuracy": f"{top1:.0f} % of {num_clips} clips are right "
        f"(95 % interval {low:.0f} to {high:.0f} %)",
        "on": on_whom(results),
    }
