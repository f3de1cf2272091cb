"""Export of a training run's result to ONNX and OpenVINO IR.

The files are checked against PyTorch before anything is put in place. Each file for clips takes
`input` (1, 3, T, H, W) float32 and gives `output` (1, C).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from action_recognition import console
from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.backends.model_files import IR_FILE
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.delivery.folder import CLASSES_FILE, put_in_place, staging_folder
from action_recognition.deploy.delivery.made_clips import NUM_PLAIN_CLIPS, made_clips, made_video
from action_recognition.deploy.delivery.model_api import is_expressible, write_model_api
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import user_error
from action_recognition.export.accuracy_checker import (
    ACCURACY_CHECKER_FILE,
    configuration,
    is_possible,
)
from action_recognition.export.conversion import write_models
from action_recognition.export.options import ExportOptions
from action_recognition.export.parity import Parity, check_files, refuse_failed
from action_recognition.export.record import checked_evaluation, make_record, measured_latency
from action_recognition.export.stateful_export import (
    chosen_frames_per_call,
    stateful_network,
    write_stateful,
)
from action_recognition.export.stateful_proof import (
    PROOF_FRAMES,
    PROOF_FRAMES_OF_LANDMARKS,
    STREAM_LIMIT,
    StatefulProof,
)
from action_recognition.files import write_json, write_text
from action_recognition.hands.networks import network_paths, write_irs
from action_recognition.program import TOOLKIT
from action_recognition.template import LandmarkInput

__all__ = ["ExportOptions", "export_model"]

_RUN_SCRIPT = TOOLKIT / "tools" / "export" / "run.py"
Say = Callable[[str], None]


def export_model(
    trained: TrainedModel, folder: Path, options: ExportOptions, say: Say = console.say
) -> list[Path]:
    """Write the chosen files into `folder` and return their paths.

    They are made and checked in a folder beside and then renamed. So an interrupted or failed
    export changes nothing.
    Raises UserError: a difference to PyTorch above the limit, or a folder that cannot be written.
    """
    if options.fp16 and not options.openvino:
        found = "asks for an IR with FP16 weights while OpenVINO is switched off"
        raise user_error("--fp16", found, fix="add --openvino or leave --fp16 out")
    # Every refusal of the options comes before anything is written.
    evaluations = [checked_evaluation(item, trained) for item in options.evaluations]
    metadata = _exported_metadata(trained, options)
    frames_per_call = chosen_frames_per_call(trained, metadata, options.stream_frames)
    if metadata.landmarks is not None:
        network_paths(None)

    with staging_folder(folder) as staging:
        names = write_models(trained, metadata, options, staging)
        clips = made_clips(metadata, options.check_clips)
        parities = check_files(trained, clips, staging, names, say)

        if frames_per_call:
            # A causal network has a second form, which takes its frames call by call.
            of_pictures = metadata.landmarks is None
            num_frames = PROOF_FRAMES if of_pictures else PROOF_FRAMES_OF_LANDMARKS
            video = made_video(clips[: len(clips) - NUM_PLAIN_CLIPS], num_frames)
            proof = StatefulProof(trained, video)
            for number in frames_per_call:
                parities += _export_stateful(proof, metadata, number, options, staging, say)
        refuse_failed(parities)

        # The files beside the models, then the record over all of them.
        _write_companions(metadata, options, staging)
        if metadata.landmarks is not None:
            write_irs(None, staging)
        record = make_record(
            trained, metadata, options, parities, measured_latency(staging), evaluations
        )
        return put_in_place(staging, folder, record)


def _exported_metadata(trained: TrainedModel, options: ExportOptions) -> DeployMetadata:
    """Return the metadata with the options' colour order and place of the normalisation."""
    clip_input, found = trained.template.input, from_trained(trained, trained.weights_sha256)
    if isinstance(clip_input, LandmarkInput):
        _refuse_pixel_options(options)
        return found
    # Mean and scale follow the order of the channels.
    step = -1 if options.color_order == "BGR" else 1

    return replace(
        found,
        color_order=options.color_order,
        normalization="embedded" if options.embed_normalization else "external",
        mean_values=tuple(clip_input.mean_values[::step]),
        scale_values=tuple(clip_input.scale_values[::step]),
    )


def _refuse_pixel_options(options: ExportOptions) -> None:
    """Raise UserError for options about pixels, where the network takes landmarks."""
    found = "is about pixels, and this model takes landmarks"
    if options.color_order != "RGB":
        raise user_error("--input-format", found, fix="leave it out")
    if not options.embed_normalization:
        raise user_error("--no-embed-normalization", found, fix="leave it out")


def _export_stateful(
    proof: StatefulProof,
    metadata: DeployMetadata,
    frames_per_call: int,
    options: ExportOptions,
    staging: Path,
    say: Say,
) -> list[Parity]:
    """Write one step form of a causal network and compare it with its clip form."""
    network, described = stateful_network(proof.trained, metadata, frames_per_call)
    names = write_stateful(
        network, described, staging, as_onnx=options.onnx, as_openvino=options.openvino
    )

    parities = []
    for name in names:
        found = proof.differences(staging / name)
        parity = Parity(name, found.runs_as, found.largest, STREAM_LIMIT)
        say(f"{parity}; {len(proof.video)} frames, after a reset, two streams side by side")
        parities.append(parity)
    return parities


def _write_companions(metadata: DeployMetadata, options: ExportOptions, staging: Path) -> None:
    """Write the files for other programs that the network allows, the classes, and `run.py`."""
    shutil.copy(_RUN_SCRIPT, staging / _RUN_SCRIPT.name)
    if options.openvino and is_expressible(metadata):
        write_model_api(staging / IR_FILE, metadata, staging)
    write_json(staging / CLASSES_FILE, list(metadata.labels))
    if is_possible(metadata):
        write_text(staging / ACCURACY_CHECKER_FILE, configuration(metadata))
