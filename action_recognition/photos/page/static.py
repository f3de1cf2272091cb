"""The page as a folder of files for any web host. The browser of the visitor computes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from action_recognition.errors import user_error
from action_recognition.partials import held_folder
from action_recognition.photos.page.server import ISOLATION_HEADERS
from action_recognition.photos.page.site import INSTALL, RUNTIME_ADDRESS, WEBGPU_FILES, Site

# A folder with this file may be replaced.
_MARK: Final = "made_by_photo_page"
_HEADERS_FILE: Final = "_headers"
# Keys of config.json that describe this computer.
_NOT_SAID: Final = ("runs_as",)


def export_static(site: Site, folder: Path, webgpu: bool = True) -> list[Path]:
    """Write the page into a folder. Return its files, the largest first.

    An earlier export is replaced when the new one is complete. Without `webgpu` the 27 MB of that
    runtime are left out, and browsers with a GPU use WASM too.
    Raises UserError: no runtime, no ONNX file, or a folder that holds anything else.
    """
    _check(site, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with held_folder(folder) as staging:
        _write(site, staging, webgpu)
        # A later run removes what a killed one was making, but not the export that it replaced.
        replaced = staging.with_name(staging.name + ".old")
        if folder.exists():
            folder.replace(replaced)
        staging.replace(folder)
        shutil.rmtree(replaced, ignore_errors=True)

    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(files, key=lambda path: -path.stat().st_size)


def _check(site: Site, folder: Path) -> None:
    """Raise a UserError if the site needs a server, or if the folder holds anything else."""
    if not site.in_browser:
        metadata = site.predictor.backend.metadata
        is_photos = metadata.clip_len == 1 and metadata.landmarks is None
        fix = f"{INSTALL}; export.py --onnx --openvino" if is_photos else "use serve.py without it"
        raise user_error("--export-static", site.notice, fix=fix)

    if folder.exists() and not (folder / _MARK).is_file() and not _is_empty_folder(folder):
        raise user_error(
            f"--export-static {folder}",
            "exists already and is not an earlier export",
            "a new folder, or an earlier export",
        )


def _is_empty_folder(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _write(site: Site, staging: Path, webgpu: bool) -> None:
    """Write all files of the page into an empty folder, and mark it as an export."""
    left_out = () if webgpu else tuple(RUNTIME_ADDRESS + name for name in WEBGPU_FILES)
    for address, file in site.files.items():
        if address not in left_out:
            (staging / address).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, staging / address)

    stated = json.loads(site.texts["config.json"])
    config = {key: value for key, value in stated.items() if key not in _NOT_SAID}
    (staging / "config.json").write_text(json.dumps(config), encoding="utf-8")

    # Hosts that know this file (Netlify, Cloudflare Pages) send these headers. With them the
    # browser computes with several threads.
    lines = ["/*", *(f"  {name}: {value}" for name, value in ISOLATION_HEADERS.items())]
    (staging / _HEADERS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (staging / _MARK).touch()
