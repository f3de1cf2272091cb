"""`compress.py`: an INT8 network beside the exported ones, within an accuracy gate.

The network is quantised on training clips. The loss is measured fold by fold, on clips that the
quantisation did not see. Layers whose quantisation changes the scores most are given back to
floating point until the loss is within the limit. The written network has as many given back. With
`qat_epochs` the same is done from fine-tuned weights, each fold's without its clips.

Networks for streams and the ONNX of networks for photos pass the same gate (`compress_forms`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from action_recognition.checkpoint import load_trained_model
from action_recognition.compression.accuracy_gate import GateRules
from action_recognition.compression.compress_forms import GateRun, compress_onnx, compress_stateful
from action_recognition.compression.compress_inputs import (
    CompressOptions,
    export_folder,
    exported_folder,
    read_clips,
)
from action_recognition.compression.compression_report import (
    Compression,
    holds,
    summary,
    write_tables,
)
from action_recognition.compression.network_kinds import ClipForm
from action_recognition.compression.qat import FineTuning
from action_recognition.compression.quantised_layers import quantised_layers
from action_recognition.compression.scoring import int8_note
from action_recognition.compression.tuned_networks import fine_tuned_networks, tuned_form
from action_recognition.console import say, size_text
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.backends.model_files import IR_FILE
from action_recognition.deploy.delivery.folder import (
    IR_FP16_FILE,
    IR_INT8_FILE,
    put_in_place,
    read_record,
    staging_folder,
)
from action_recognition.deploy.delivery.operation_names import names_of, settle_names
from action_recognition.deploy.delivery.sole_writer import sole_writer
from action_recognition.deploy.metadata import DeployMetadata, write_openvino
from action_recognition.errors import user_error
from action_recognition.evaluation.calibrating import CalibrateOptions, calibrate
from action_recognition.openvino_core import openvino_core


def _refuse_landmarks(weights: Path) -> None:
    """Raise UserError for a model over landmarks: its layers are too small to gain by INT8."""
    if load_backend(weights).metadata.landmarks is not None:
        found = "takes landmarks: its network has 0.5 MB and takes about a millisecond"
        fix = "deliver it as export.py writes it; docs/results/landmarks.md has the measurement"
        raise user_error(str(weights), found, fix=fix)


def compress(work_dir: Path, options: CompressOptions) -> Compression:
    """Export where needed, quantise within the gate, write model_int8.xml and calibrate.

    The folder is held from the first look on. Raises UserError: another command writes there.
    """
    _refuse_landmarks(options.load_weights)
    with sole_writer(export_folder(work_dir, options)):
        folder = exported_folder(work_dir, options)
        compression = _quantise_folder(folder, options)
        if options.calibrate:
            _calibrate(folder, options)
    return compression


def _quantise_folder(folder: Path, options: CompressOptions) -> Compression:
    """Quantise the network of an exported folder, and write the files of INT8 beside it."""
    original, metadata = _floating_network(folder / IR_FILE)
    rules = GateRules(options.max_drop, options.calibration_clips, options.seed)

    with staging_folder(folder) as staging:
        gate = GateRun(read_clips(staging / "clips", metadata, options), metadata, rules)
        compression, network = _within_gate(gate, original, staging, options)
        # Loading checks that the written file can be used.
        _write_int8(staging / IR_INT8_FILE, network, original, metadata)
        _write_fp16(staging, folder)
        write_tables(staging, compression)
        load_backend(staging / IR_INT8_FILE)

        others = compress_stateful(gate, folder, staging)
        others |= compress_onnx(gate, folder, staging, compression)
        (staging / "clips").unlink()

        # An earlier run may have left files that the gate refuses now.
        stale = [name for name in others if not (staging / name).is_file()]
        record = _with_result(folder, compression, others, options.command)
        written = put_in_place(staging, folder, record, stale)

    _say_result(written, [compression, *others.values()])
    return compression


def _floating_network(path: Path) -> tuple[Any, DeployMetadata]:
    """Read the FP32 network. Raises UserError: it is quantised already."""
    metadata = load_backend(path).metadata
    original = openvino_core().read_model(path)
    if quantised_layers(original):
        allowed = "the IR that export.py wrote, in floating point"
        raise user_error(str(path), "is quantised already", allowed)
    return original, metadata


def _within_gate(
    gate: GateRun, original: Any, staging: Path, options: CompressOptions
) -> tuple[Compression, Any]:
    """Quantise the network as it is and, with `qat_epochs`, fine-tuned. Return the better one."""
    found = gate.run(ClipForm(gate.metadata), original)
    if not options.qat_epochs:
        return found

    # With `qat_epochs` the given file is a checkpoint: its flags were checked.
    trained = load_trained_model(options.load_weights)
    tuning = FineTuning(options.qat_epochs, seed=options.seed)
    say(f"fine-tuning: {options.qat_epochs} epochs for each fold and for all training clips")
    networks = fine_tuned_networks(trained, gate, tuning, staging)
    tuned = gate.run(tuned_form(gate.metadata, tuning), original, networks)

    # Of two equal results, the one without fine-tuning is kept.
    kept = max(found, tuned, key=lambda result: _merit(result[0], options.max_drop))
    written = "fine-tuned" if kept is tuned else "not fine-tuned"
    say(f"written: the network that was {written}")
    # The table shows both networks, whichever is written.
    facts = {
        "without_fine_tuning": summary(found[0]),
        "fine_tuned": summary(tuned[0]),
        "written": written,
    }
    return replace(kept[0], facts={**kept[0].facts, **facts}), kept[1]


def _merit(compression: Compression, max_drop: float) -> tuple[bool, int, float]:
    """Return the order of preference.

    A network that holds the gate comes first, then few layers in floating point, then agreement
    with FP32.
    """
    agreement = compression.trials[-1][1].agreement
    return holds(compression, max_drop), -len(compression.given_back), agreement


def _write_int8(path: Path, network: Any, original: Any, metadata: DeployMetadata) -> None:
    """Write the IR with its metadata and the operation names of the FP32 one."""
    import openvino

    write_openvino(network, metadata)
    # Operations that NNCF added get names that are the same in every run.
    settle_names(network, names_of(original))
    openvino.save_model(network, path, compress_to_fp16=False)


def _write_fp16(staging: Path, folder: Path) -> None:
    """Write model_fp16.xml if the export left it out."""
    import openvino

    if not (folder / IR_FP16_FILE).is_file():
        network = openvino_core().read_model(folder / IR_FILE)
        openvino.save_model(network, staging / IR_FP16_FILE, compress_to_fp16=True)


def _with_result(
    folder: Path, compression: Compression, others: Mapping[str, Compression], command: str
) -> dict[str, Any] | None:
    """Return the folder's record with the results of the gate."""
    record = read_record(folder)
    found = summary(compression) | {
        "command": command,
        "other_forms": {name: summary(other) for name, other in others.items()},
    }
    return None if record is None else record | {"compression": found}


def _say_result(written: Sequence[Path], compressions: Sequence[Compression]) -> None:
    for path in written:
        say(f"wrote {path} ({size_text(path.stat().st_size)})")
    for compression in compressions:
        for sentence in compression.facts["notes"]:
            say(f"note: {sentence}")
    say(f"note: {int8_note()}")


def _calibrate(folder: Path, options: CompressOptions) -> None:
    """Fit temperature, spread and thresholds on the FP32 IR's scores, for every model."""
    say("calibrating")
    # The same clips and flags as those of the gate.
    flags = CalibrateOptions(
        load_weights=folder / IR_FILE,
        val_ann_files=options.val_ann_files,
        val_data_roots=options.val_data_roots,
        negative_ann_files=options.negative_ann_files,
        negative_data_roots=options.negative_data_roots,
        false_alarm_rate=options.false_alarm_rate,
        person_regex=options.person_regex,
        num_workers=options.num_workers,
        strict=options.strict,
        hand_detector=options.hand_detector,
    )
    calibrate(flags)
