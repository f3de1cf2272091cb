"""The parts of the page: its own files, the runtime for browsers, and the models of a work dir.

npm installs the runtime.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from action_recognition.deploy.backends.model_files import (
    IR_FILE,
    ONNX_FILE,
    ONNX_INT8_FILE,
    check_against_record,
)
from action_recognition.deploy.metadata import to_strings
from action_recognition.deploy.predictor import Predictor
from action_recognition.errors import user_error

WEB_DIR: Final = Path(__file__).with_name("web")
RUNTIME_DIR: Final = WEB_DIR / "node_modules" / "onnxruntime-web" / "dist"
INSTALL: Final = "npm ci, in action_recognition/photos/page/web of the clone"
# The files of the page itself.
PAGE_FILES: Final = (
    "index.html",
    "page.css",
    "opened.js",
    "page.js",
    "camera.js",
    "square.js",
    "engine.js",
    "model.js",
    "pixels.js",
)
# The runtime without a GPU, which the page cannot do without.
WASM_FILES: Final = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
# The runtime for a GPU, which may be missing.
WEBGPU_FILES: Final = (
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
RUNTIME_ADDRESS: Final = "ort/"
_EXPORT_DIR: Final = "export"
_INSTEAD: Final = "The program that serves this page, on this computer, does it instead."
# An operation that is in quantised files only.
_QUANTISED_OP: Final = b"DequantizeLinear"


@dataclass(frozen=True)
class Site:
    """A page for one model.

    `files` are the files that can be fetched, by address. Nothing else of the disk can be.
    `texts` are the files that are made for this model. With `in_browser` the browser computes.
    Otherwise the server does, and `notice` gives the reason.
    """

    predictor: Predictor
    files: Mapping[str, Path]
    texts: Mapping[str, str]
    in_browser: bool
    notice: str

    @property
    def takes_clips(self) -> bool:
        """True where the page takes video files, False where it takes photos."""
        return self.predictor.backend.metadata.clip_len > 1


def open_site(work_dir: Path, model: Path | None = None, runtime: Path = RUNTIME_DIR) -> Site:
    """Return the page for the model of a work dir or of an export folder, or for the file `model`.

    Models of clips and of hand landmarks run on this computer, not in the browser.
    Raises UserError: no model, or a damaged one.
    """
    for_browser, chosen = _find_models(work_dir, model)
    predictor = Predictor.from_path(chosen)
    runtime_files = _runtime_files(runtime)
    notice = _only_here(predictor) or _notice(bool(runtime_files), for_browser)
    if notice:
        for_browser = []

    models = [_described(file) for file in for_browser]
    model_files = {
        str(model["file"]): file for model, file in zip(models, for_browser, strict=True)
    }
    files = {name: WEB_DIR / name for name in PAGE_FILES} | runtime_files | model_files

    return Site(predictor, files, _texts(predictor, models, notice), not notice, notice)


def _texts(
    predictor: Predictor, models: Sequence[Mapping[str, str | int]], notice: str
) -> dict[str, str]:
    """Return the files that are made for a model, by address."""
    config = {
        "engine": "server" if notice else "browser",
        "takes": "clips" if predictor.backend.metadata.clip_len > 1 else "photos",
        "models": models,
        "runtime": RUNTIME_ADDRESS,
        "notice": notice,
        "runs_as": predictor.backend.runs_as,
    }
    metadata = to_strings(predictor.backend.metadata)
    return {"config.json": json.dumps(config), "metadata.json": json.dumps(metadata)}


def _runtime_files(runtime: Path) -> dict[str, Path]:
    """Return the files of the runtime for browsers by address, none if a needed one is missing."""
    if not all((runtime / name).is_file() for name in WASM_FILES):
        return {}
    names = (*WASM_FILES, *WEBGPU_FILES)
    return {RUNTIME_ADDRESS + name: runtime / name for name in names if (runtime / name).is_file()}


def _find_models(work_dir: Path, model: Path | None) -> tuple[list[Path], Path]:
    """Return the ONNX files for the browser, and the file that this computer runs.

    The quantised ONNX file comes first. This computer runs an IR if there is one.
    """
    if model is not None:
        return ([model] if model.suffix == ".onnx" else []), model
    if not work_dir.is_dir():
        allowed = "a work dir, or the folder that export.py wrote"
        raise user_error(str(work_dir), "is not a folder", allowed)

    # A work dir holds an export folder. Otherwise the path is an export folder itself.
    for folder in (work_dir / _EXPORT_DIR, work_dir):
        there = [folder / name for name in (IR_FILE, ONNX_FILE) if (folder / name).is_file()]
        if there:
            return _for_browser(folder), there[0]
    fix = "python export.py --load-weights ... --save-model-to export"
    raise user_error(str(work_dir), f"holds no {_EXPORT_DIR}/{ONNX_FILE}", fix=fix)


def _for_browser(folder: Path) -> list[Path]:
    """Return model_int8.onnx, if it was made from the same weights, and model.onnx."""
    int8, full = folder / ONNX_INT8_FILE, folder / ONNX_FILE
    if not full.is_file():
        return []
    check_against_record(full)

    # An INT8 file of an earlier export is left out.
    if not int8.is_file() or _weights_of(int8) != _weights_of(full):
        return [full]
    check_against_record(int8)
    return [int8, full]


def _weights_of(file: Path) -> str:
    """Return the SHA-256 of the weights that an ONNX file was made from, or an empty text."""
    from action_recognition.deploy.backends.onnx_runtime import open_session

    metadata = open_session(file, num_threads=1).get_modelmeta().custom_metadata_map
    return str(metadata.get("weights_sha256", ""))


def _described(file: Path) -> dict[str, str | int]:
    """Return the address of a model, and the precision and size that the page shows."""
    data = file.read_bytes()
    quantised = _QUANTISED_OP in data
    return {
        "file": ONNX_INT8_FILE if quantised else ONNX_FILE,
        "precision": "INT8" if quantised else "FP32",
        "bytes": len(data),
    }


def _only_here(predictor: Predictor) -> str:
    """Return why this kind of model never runs in the browser, or an empty text."""
    metadata = predictor.backend.metadata
    if metadata.landmarks is not None:
        return f"The networks that find hands do not run in the browser. {_INSTEAD}"
    if metadata.clip_len > 1:
        return f"The browser does not decode clips as the model needs them. {_INSTEAD}"
    return ""


def _notice(has_runtime: bool, for_browser: Sequence[Path]) -> str:
    """Return the reason why the browser cannot compute, or an empty text if it can."""
    why = []
    if not has_runtime:
        why.append(f"the runtime for browsers is not installed ({INSTALL})")
    if not for_browser:
        why.append("there is no ONNX file of the model (export.py --onnx)")

    if not why:
        return ""
    return f"The browser cannot compute: {', and '.join(why)}. {_INSTEAD}"
