"""What the page consists of: its own files, the runtime for browsers that npm installed, and the model of a work dir."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from action_recognition.deploy.backends.files import IR_FILE, ONNX_FILE
from action_recognition.deploy.metadata import to_strings
from action_recognition.deploy.photos import check_takes_photos
from action_recognition.deploy.predictor import Predictor
from action_recognition.errors import user_error

WEB_DIR: Final = Path(__file__).with_name("web")
RUNTIME_DIR: Final = WEB_DIR / "node_modules" / "onnxruntime-web" / "dist"
INSTALL: Final = "npm ci, in action_recognition/deploy/page/web of the clone"
PAGE_FILES: Final = ("index.html", "page.css", "page.js", "camera.js", "square.js", "engine.js", "model.js", "pixels.js")
WASM_FILES: Final = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
WEBGPU_FILES: Final = ("ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm")
RUNTIME_ADDRESS: Final = "ort/"
_EXPORT_DIR: Final = "export"


@dataclass(frozen=True)
class Site:
    """`files`: what may be fetched, by address; nothing else of the disk can be. `texts`: what is written for this model.

    `in_browser` says whether the browser computes; if not, `notice` says why, and the server does.
    """

    predictor: Predictor
    files: Mapping[str, Path]
    texts: Mapping[str, str]
    in_browser: bool
    notice: str


def open_site(work_dir: Path, model: Path | None = None, runtime: Path = RUNTIME_DIR) -> Site:
    """The page for the model that export.py left in a work dir (or in an export folder), or for the file `model`.

    Errors: no model there, one that is damaged, one for clips.
    """
    onnx, chosen = _find_models(work_dir, model)
    predictor = Predictor.from_path(chosen)
    check_takes_photos(predictor.backend.metadata, str(chosen))
    has_runtime = all((runtime / name).is_file() for name in WASM_FILES)
    notice = _notice(has_runtime, onnx)
    files = {name: WEB_DIR / name for name in PAGE_FILES}
    if has_runtime:
        files |= {RUNTIME_ADDRESS + name: runtime / name for name in (*WASM_FILES, *WEBGPU_FILES) if (runtime / name).is_file()}
    if onnx:
        files[ONNX_FILE] = onnx
    config = {
        "engine": "server" if notice else "browser",
        "model": ONNX_FILE,
        "runtime": RUNTIME_ADDRESS,
        "notice": notice,
        "runs_as": predictor.backend.runs_as,
    }
    texts = {"config.json": json.dumps(config), "metadata.json": json.dumps(to_strings(predictor.backend.metadata))}
    return Site(predictor, files, texts, not notice, notice)


def _find_models(work_dir: Path, model: Path | None) -> tuple[Path | None, Path]:
    """The ONNX file for the browser, if there is one, and the file that this computer runs: an IR where there is one."""
    if model is not None:
        return (model if model.suffix == ".onnx" else None), model
    if not work_dir.is_dir():
        raise user_error(str(work_dir), "is no folder", "a work dir, or the folder that export.py wrote")
    for folder in (work_dir / _EXPORT_DIR, work_dir):
        there = [folder / name for name in (IR_FILE, ONNX_FILE) if (folder / name).is_file()]
        if there:
            return (folder / ONNX_FILE if folder / ONNX_FILE in there else None), there[0]
    raise user_error(str(work_dir), f"holds no {_EXPORT_DIR}/{ONNX_FILE}", fix="python export.py --load-weights ... --save-model-to export")


def _notice(has_runtime: bool, onnx: Path | None) -> str:
    why = []
    if not has_runtime:
        why.append(f"the runtime for browsers is not installed ({INSTALL})")
    if onnx is None:
        why.append("there is no ONNX file of the model (export.py --onnx)")
    if not why:
        return ""
    return f"The browser cannot compute: {', and '.join(why)}. The program that gave this page, on this computer, does it instead."
