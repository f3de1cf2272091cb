"""The page as one folder of files for any web host: the browser of whoever looks at it does the rest."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Final

from action_recognition.errors import user_error
from action_recognition.photos.page.server import ISOLATION_HEADERS
from action_recognition.photos.page.site import INSTALL, RUNTIME_ADDRESS, WEBGPU_FILES, Site

_MARK: Final = "made_by_photo_page"
_HEADERS_FILE: Final = "_headers"
# What config.json says of this computer: not exported.
_NOT_SAID: Final = ("runs_as",)


def export_static(site: Site, folder: Path, webgpu: bool = True) -> list[Path]:
    """Write everything beside, then put it in the folder's place; gives the files, the largest first.

    Without `webgpu` the 27 MB of that runtime are left out, and browsers with a GPU take WASM too.
    Errors: no runtime or no ONNX file, a folder of somebody else's.
    """
    _check(site, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    replaced = staging.with_name(staging.name + ".old")
    try:
        _write(site, staging, webgpu)
        # mkdtemp makes a folder that only its owner may read.
        staging.chmod(0o755)
        if folder.exists():
            folder.replace(replaced)
        staging.replace(folder)
    finally:
        for left in (staging, replaced):
            shutil.rmtree(left, ignore_errors=True)

    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(files, key=lambda path: -path.stat().st_size)


def _check(site: Site, folder: Path) -> None:
    """Raise a UserError if the site needs a server, or if the folder holds anything else."""
    if not site.in_browser:
        fix = f"{INSTALL}; export.py --onnx --openvino"
        raise user_error("--export-static", site.notice, fix=fix)
    if folder.exists() and not (folder / _MARK).is_file() and not _is_empty_folder(folder):
        raise user_error(
            f"--export-static {folder}",
            "is there already and no earlier export",
            "a new folder, or an earlier export",
        )


def _is_empty_folder(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _write(site: Site, staging: Path, webgpu: bool) -> None:
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
