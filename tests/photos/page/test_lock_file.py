"""What npm installs: pinned, and from whatever registry the machine has."""

from __future__ import annotations

import json

from action_recognition.photos.page.site import WEB_DIR


def test_every_package_is_pinned_by_its_hash_and_no_registry_is_named() -> None:
    lock = json.loads((WEB_DIR / "package-lock.json").read_text())
    packages = {name: facts for name, facts in lock["packages"].items() if name}
    assert (
        packages["node_modules/onnxruntime-web"]["version"]
        == lock["packages"][""]["dependencies"]["onnxruntime-web"]
    )
    for name, facts in packages.items():
        assert facts["integrity"].startswith("sha512-"), name
    for file in ("package-lock.json", "package.json", ".npmrc"):
        text = (WEB_DIR / file).read_text()
        assert 'resolved"' not in text and "://" not in text
    assert "omit-lockfile-registry-resolved=true" in (WEB_DIR / ".npmrc").read_text().splitlines()
