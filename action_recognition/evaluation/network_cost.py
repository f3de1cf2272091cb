"""Size and complexity of the network in a file, as metrics."""

from __future__ import annotations

from pathlib import Path

from action_recognition.checkpoint import read_checkpoint, trained_model
from action_recognition.deploy.delivery.folder import read_record
from action_recognition.evaluation.report import Metric
from action_recognition.models.build import build_recogniser
from action_recognition.models.complexity import count
from action_recognition.template import ModelConfig, Template


def cost_metrics(
    path: Path, template: Template, model: ModelConfig, num_labels: int
) -> list[Metric]:
    """Return size and complexity of what the file holds.

    That need not be what the work dir says, since `train.py --backbone` takes another network. A
    checkpoint states its network itself. For an exported file the record beside it does. Without
    either, the work dir's template and model are counted.
    """
    # A checkpoint of ours.
    raw = read_checkpoint(path) if path.suffix == ".pth" else None
    if raw is not None and raw.form == "trained_model":
        trained = trained_model(raw)
        return _size_and_complexity(trained.template, trained.model, num_labels)

    # An exported file. The record names the topology of an IR.
    record = (read_record(path.parent) if path.suffix != ".pth" else None) or {}
    facts = record.get("model", {})
    named = {item["name"] for item in record.get("outputs", [])}
    is_recorded = path.with_suffix(path.suffix.replace(".bin", ".xml")).name in named
    if is_recorded and {"size_mp", "complexity_gflops"} <= facts.keys():
        return _size_metrics(facts["size_mp"], facts["complexity_gflops"])

    # Weights of the original, or a file without its record.
    return _size_and_complexity(template, model, num_labels)


def _size_and_complexity(template: Template, model: ModelConfig, num_classes: int) -> list[Metric]:
    counted = count(build_recogniser(model, num_classes), template.input.clip_shape)
    return _size_metrics(counted.size_mp, counted.complexity_gflops)


def _size_metrics(size_mp: float, complexity_gflops: float) -> list[Metric]:
    return [
        Metric("size", "Size", "Mp", size_mp),
        Metric("complexity", "Complexity", "GFLOPs", complexity_gflops),
    ]
