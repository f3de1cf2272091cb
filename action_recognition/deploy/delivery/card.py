"""The model card: a description of a delivered model.

It is written to model_card.json, and for people to model_card.md. Both are made from the folder's
record. So a card changes with every command that adds to the record: export.py, calibrate.py,
compress.py. A fact that nobody stated reads "not stated".
Source of the sections: Mitchell et al., Model Cards for Model Reporting (FAT* 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

CARD_JSON_FILE: Final = "model_card.json"
CARD_MARKDOWN_FILE: Final = "model_card.md"
NOT_STATED: Final = "not stated"
_FORMAT: Final = 1
# Facts of the model, in the order of the card.
_FACTS: Final = ("labels", "input", "complexity_gflops", "size_mp", "intended_use")
_CALIBRATED: Final = ("temperature", "spread_threshold", "thresholds")
_LIMITS: Final = (
    "It was trained on the people, cameras and places of its training clips, "
    "and is worse on others.",
    "It knows its labels only: without thresholds, what is none of them gets the most similar "
    "label.",
    "It does not tell who somebody is, and is not for surveillance, nor for anything where a "
    "missed or false gesture does harm.",
)


def make_card(record: Mapping[str, Any]) -> dict[str, Any]:
    """Make the card of a folder with this record."""
    # A record may lack the facts of the model.
    facts = record.get("model", {})
    # A single fact that is missing reads `not stated`, a section is empty or null.
    return {
        "format": _FORMAT,
        "name": facts.get("template", NOT_STATED),
        "package_version": record.get("package_version", NOT_STATED),
        "weights_sha256": record.get("weights_sha256", NOT_STATED),
        **{key: facts.get(key, NOT_STATED) for key in _FACTS},
        "limits": list(_LIMITS),
        **({"taught": record["taught"]} if record.get("taught") else {}),
        "training": facts.get("training", {}),
        "licences": facts.get("licences", {}),
        "evaluations": record.get("evaluations", []),
        "parity": record.get("parity", []),
        "latency": record.get("latency", []),
        "int8": record.get("compression"),
        "calibration": _calibration(record.get("calibration")),
        "reproduce": _commands(record),
        "versions": record.get("versions", {}),
    }


def to_markdown(card: Mapping[str, Any]) -> str:
    """Write the card as a page."""
    weights = f"Weights `{card['weights_sha256']}`, toolkit {card['package_version']}."
    sections = [
        _section(f"# {card['name']}", [weights]),
        _section("## Use", _use(card)),
        _section("## Input and cost", _input(card)),
        _section("## Labels", [_labels(card["labels"]), *_taught(card.get("taught", {}))]),
        _section("## Training", _pairs(card["training"])),
        _section("## Licences", _pairs(card["licences"])),
        _section("## Accuracy", _accuracy(card["evaluations"])),
        _section("## Exported forms", _exported_forms(card)),
        _section("## INT8", _int8(card["int8"])),
        _section("## Calibration", _calibration_lines(card["calibration"])),
        _section("## To make it again", _reproduction(card)),
    ]
    return "\n\n".join(sections) + "\n"


def _calibration(section: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if section is None:
        return None
    return {key: section[key] for key in _CALIBRATED if key in section}


def _commands(record: Mapping[str, Any]) -> list[str]:
    """Return the commands that made the folder, in order, each once."""
    commands = (
        record.get("model", {}).get("training", {}).get("command"),
        record.get("command"),
        (record.get("compression") or {}).get("command"),
    )
    return list(dict.fromkeys(command for command in commands if command))


def _section(heading: str, lines: Sequence[str]) -> str:
    return "\n".join([heading, "", *lines])


def _use(card: Mapping[str, Any]) -> list[str]:
    limits = [f"- {limit}" for limit in card["limits"]]
    return [f"Intended use: {card['intended_use']}.", "", *limits]


def _input(card: Mapping[str, Any]) -> list[str]:
    cost = f"{card['complexity_gflops']} GFLOPs a clip, {card['size_mp']} million weights."
    return [f"{card['input']}.", "", cost]


def _labels(labels: Any) -> str:
    return ", ".join(map(str, labels)) if isinstance(labels, list) else str(labels)


def _taught(taught: Mapping[str, int]) -> list[str]:
    """Say which labels were taught by showing. The accuracies below were measured without them."""
    if not taught:
        return []
    counts = ", ".join(f"{name} from {number}" for name, number in taught.items())
    later = "Accuracies were measured before."
    return ["", f"Taught by showing after training, with the number of examples: {counts}. {later}"]


def _pairs(values: Mapping[str, Any]) -> list[str]:
    """List the values by name, `not stated` if there are none."""
    lines = [f"- {key.replace('_', ' ')}: {_plain(value)}" for key, value in values.items()]
    return lines or [f"- {NOT_STATED}"]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items()) or "none"
    return str(value) or NOT_STATED


def _accuracy(evaluations: Sequence[Mapping[str, Any]]) -> list[str]:
    """Describe every evaluation: accuracy of clips, over classes, and of each class."""
    if not evaluations:
        return ["Not measured: see `export.py --evaluations`."]

    lines: list[str] = []
    for found in evaluations:
        low, high = found["interval"]
        clips, top1 = ", ".join(found["annotation_sha256"]), f"{found['top1_of_clips']:.2f} %"
        interval = f"95 % {low:.1f} to {high:.1f}"
        if found.get("num_folds"):
            clips = f"{found['num_folds']} folds"
        lines += [f"### {clips}: {top1} of {found['num_clips']} clips ({interval})", ""]
        if found.get("num_folds"):
            lines += [
                "Each clip was tested by a model of the other folds. This model is of all.",
                "",
            ]

        over_classes = f"mean over classes {found['accuracy']:.2f} %"
        lines += [f"`{found['model']}`, {found['runs_as']}; {over_classes}; {_people(found)}.", ""]

        rows = ((row["label"], row["num_clips"], row["right"]) for row in found["per_class"])
        lines += ["| label | clips | right |", "|---|---|---|", *map(_row, rows), ""]
    # Without the empty line after the last table.
    return lines[:-1]


def _people(found: Mapping[str, Any]) -> str:
    number = found.get("num_people")
    return (
        f"people {NOT_STATED}" if not number else "1 person" if number == 1 else f"{number} people"
    )


def _row(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _exported_forms(card: Mapping[str, Any]) -> list[str]:
    """Tabulate the differences to PyTorch, and the times where they were measured."""
    lines = ["| file | largest difference to PyTorch | allowed |", "|---|---|---|"]
    for item in card["parity"]:
        lines.append(_row((item["file"], f"{item['max_difference']:.1e}", f"{item['limit']:g}")))

    if card["latency"]:
        headings = ("file", "computed in", "threads", "p50 ms", "p95 ms", "on")
        lines += ["", _row(headings), "|---|---|---|---|---|---|"]
    for item in card["latency"]:
        times = (f"{item['p50_ms']:.1f}", f"{item['p95_ms']:.1f}")
        lines.append(_row((item["file"], item["precision"], item["threads"], *times, item["cpu"])))
    return lines


def _int8(compression: Mapping[str, Any] | None) -> list[str]:
    """Describe the compression: the loss of accuracy, the layers, and the other forms."""
    if not compression:
        return ["Not made: see `compress.py`."]

    lines = [_gate(compression), "", *_pairs(compression["layers"])]
    lines += [f"- {note}" for note in compression["notes"]]
    # The forms beside model_int8.xml went through the gate, too.
    for name, other in compression.get("other_forms", {}).items():
        lines += ["", f"`{name}`: {_gate(other)}"]
        lines += [f"- {note}" for note in other["notes"]]
    return lines


def _gate(compression: Mapping[str, Any]) -> str:
    # The last trial is the one that was decided on.
    last = compression["cross_validated"][-1]
    interval = f"95 % {last['low']:+.2f} to {last['high']:+.2f}"

    return (
        f"Top-1 drops by {last['points']:+.2f} points ({interval}) on {last['num_clips']} clips, "
        "each scored by a network that was quantised without it; "
        f"allowed were {compression['max_drop_points']:g}. "
        f"Same answer on {last['agreement']:.1f} %."
    )


def _calibration_lines(calibration: Mapping[str, Any] | None) -> list[str]:
    return _pairs(calibration) if calibration else ["Not calibrated: see `calibrate.py`."]


def _reproduction(card: Mapping[str, Any]) -> list[str]:
    return ["```sh", *card["reproduce"], "```", "", *_pairs(card["versions"])]
