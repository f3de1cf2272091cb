"""The studio for people who see little, or nothing, or use no mouse: every view of the page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from action_recognition.studio.studio import Studio
from tests.accessibility import faults
from tests.studio.made_project import NO_CAMERA, project, show

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Served = tuple[Studio, str]
# What the server says of a code: its picture is another one.
CODE = {
    "address": "https://192.168.1.5:8010/pair?code=" + "aB3_" * 10,
    "picture": "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'/%3E",
    "fingerprint": ":".join(["0F"] * 32),
    "seconds": 300,
}


def test_axe_finds_nothing_in_any_view(served: Served, browser: Browser) -> None:
    _, address = served
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(NO_CAMERA)
    show(page, address, project(clips=[], learned=None, job=None, gestures=["no gesture"]))
    found = {"a new project": faults(page)}
    show(page, address, project())
    page.click("#table-part summary")
    page.click("#actions-part summary")
    found["clips, a table and a job"] = faults(page)
    page.click("#try")
    page.wait_for_selector("#error:not([hidden])")
    assert "No camera was found" in page.inner_text("#error")
    found["trying, and a camera that is not there"] = faults(page)
    show(page, address, project(phone={"paired": False, "waiting": True}))
    page.route("**/api/phone-code", lambda route: route.fulfill(body=json.dumps({"done": CODE})))
    page.click("#use-phone")
    page.wait_for_selector("#phone-code:not([hidden])")
    assert page.get_attribute("#phone-picture", "src") == CODE["picture"]
    found["a code for a phone"] = faults(page)
    show(page, address, project(phone={"paired": True, "waiting": False}))
    page.click("#use-phone")
    page.wait_for_selector("#phone-disconnect:not([hidden])")
    found["a phone that is connected"] = faults(page)
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 390, "height": 844})
    found["on a phone"] = faults(page)
    page.close()
    assert not any(found.values()), json.dumps(found, indent=1, ensure_ascii=False)
