"""The model card: what a delivered model is, in model_card.json, and the same for people in model_card.md.

Both are made from the folder's record, so a card changes with every command that adds to the record: export.py, calibrate.py, compress.py.
What nobody stated stands there as "not stated".
Source of the sections: Mitchell et al., Model Cards for Model Reporting (FAT* 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

CARD_JSON_FILE: Final = "model_card.json"
CARD_MARKDOWN_FILE: Final = "model_card.md"
NOT_STATED: Final = "not stated"
_FORMAT: Final = 1
_LIMITS: Final = (
    "It was trained on the people, cameras and places of its training clips, and is worse on others.",
    "It knows its labels only: without thresholds, what is none of them gets the most similar label.",
    "It does not tell who somebody is, and is not for surveillance, nor for anything where a missed or false gesture does harm.",
)


def make_card(record: Mapping[str, Any]) -> dict[str, Any]:
    """The card of a folder with this record."""
    facts = record.get("model", {})
    commands = (
        facts.get("training", {}).get("command"),
        record.get("command"),
        (record.get("compression") or {}).get("command"),
    )
    return {
        "format": _FORMAT,
        "name": facts.get("template", NOT_STATED),
        "package_version": record.get("package_version", NOT_STATED),
        "weights_sha256": record.get("weights_sha256", NOT_STATED),
        **{
            key: facts.get(key, NOT_STATED)
            for key in ("labels", "input", "complexity_gflops", "size_mp", "intended_use")
        },
        "limits": list(_LIMITS),
        "training": facts.get("training", {}),
        "licences": facts.get("licences", {}),
        "evaluations": record.get("evaluations", []),
        "parity": record.get("parity", []),
        "latency": record.get("latency", []),
        "int8": record.get("compression"),
        "calibration": _calibration(record.get("calibration")),
        "reproduce": list(dict.fromkeys(command for command in commands if command)),
        "versions": record.get("versions", {}),
    }


def _calibration(section: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if section is None:
        return None
    return {
        key: section[key]
        for key in ("temperature", "spread_threshold", "thresholds")
        if key in section
    }


def to_markdown(card: Mapping[str, Any]) -> str:
    """The card as a page."""
    parts = [
        [
            f"# {card['name']}",
            "",
            f"Weights `{card['weights_sha256']}`, toolkit {card['package_version']}.",
        ],
        [
            "## Use",
            "",
            f"Intended use: {card['intended_use']}.",
            "",
            *(f"- {limit}" for limit in card["limits"]),
        ],
        _input(card),
        [
            "## Labels",
            "",
            ", ".join(map(str, card["labels"]))
            if isinstance(card["labels"], list)
            else str(card["labels"]),
        ],
        ["## Training", "", *_pairs(card["training"])],
        ["## Licences", "", *_pairs(card["licences"])],
        [
            "## Accuracy",
            "",
            *(
                _evaluations(card["evaluations"])
                or ["Not measured: see `export.py --evaluations`."]
            ),
        ],
        _exported_forms(card),
        [
            "## INT8",
            "",
            *(_int8(card["int8"]) if card["int8"] else ["Not made: see `compress.py`."]),
        ],
        [
            "## Calibration",
            "",
            *(
                _pairs(card["calibration"])
                if card["calibration"]
                else ["Not calibrated: see `calibrate.py`."]
            ),
        ],
        [
            "## To make it again",
            "",
            "```sh",
            *card["reproduce"],
            "```",
            "",
            *_pairs(card["versions"]),
        ],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _input(card: Mapping[str, Any]) -> list[str]:
    cost = f"{card['complexity_gflops']} GFLOPs a clip, {card['size_mp']} million weights."
    return ["## Input and cost", "", f"{card['input']}.", "", cost]


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"- {key.replace('_', ' ')}: {_plain(value)}" for key, value in values.items()] or [
        f"- {NOT_STATED}"
    ]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items()) or "none"
    return str(value) or NOT_STATED


def _evaluations(evaluations: Sequence[Mapping[str, Any]]) -> list[str]:
    lines: list[str] = []
    for found in evaluations:
        low, high = found["interval"]
        clips = ", ".join(found["annotation_sha256"])
        lines += [
            f"### {clips}: {found['top1_of_clips']:.2f} % of {found['num_clips']} clips (95 % {low:.1f} to {high:.1f})",
            "",
        ]
        lines += [
            f"`{found['model']}`, {found['runs_as']}; mean over classes {found['accuracy']:.2f} %; {_people(found)}.",
            "",
        ]
        lines += ["| label | clips | right |", "|---|---|---|"]
        lines += [
            f"| {row['label']} | {row['num_clips']} | {row['right']} |"
            for row in found["per_class"]
        ] + [""]
    return lines[:-1]


def _people(found: Mapping[str, Any]) -> str:
    return f"{found['num_people']} people" if found.get("num_people") else f"people {NOT_STATED}"


def _exported_forms(card: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Exported forms",
        "",
        "| file | largest difference to PyTorch | allowed |",
        "|---|---|---|",
    ]
    lines += [
        f"| {item['file']} | {item['max_difference']:.1e} | {item['limit']:g} |"
        for item in card["parity"]
    ]
    if card["latency"]:
        lines += [
            "",
            "| file | computed in | threads | p50 ms | p95 ms | on |",
            "|---|---|---|---|---|---|",
        ]
    for item in card["latency"]:
        row = (
            item["file"],
            item["precision"],
            item["threads"],
            f"{item['p50_ms']:.1f}",
            f"{item['p95_ms']:.1f}",
            item["cpu"],
        )
        lines.append(f"| {' | '.join(map(str, row))} |")
    return lines


def _int8(compression: Mapping[str, Any]) -> list[str]:
    lines = [
        _gate(compression),
        "",
        *_pairs(compression["layers"]),
        *(f"- {note}" for note in compression["notes"]),
    ]
    for name, other in compression.get("other_forms", {}).items():
        lines += ["", f"`{name}`: {_gate(other)}"]
        lines += [f"- {note}" for note in other["notes"]]
    return lines


def _gate(compression: Mapping[str, Any]) -> str:
    last = compression["cross_validated"][-1]
    return (
        f"Top-1 drops by {last['points']:+.2f} points (95 % {last['low']:+.2f} to {last['high']:+.2f}) on {last['num_clips']} clips, each "
        f"scored by a network that was quantised without it; allowed were {compression['max_drop_points']:g}. "
        f"Same answer on {last['agreement']:.1f} %."
    )
