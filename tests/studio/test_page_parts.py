"""Parts of the page in Chromium, with a project that the test makes up: what is typed, what is read
aloud, where the focus is, and what is sent while a key is down.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from action_recognition.studio.studio import Studio
from tests.studio.made_project import NAMES, clip, project, show

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route, WebSocketRoute

Served = tuple[Studio, str]
FOCUS = "document.activeElement.id || document.activeElement.getAttribute('aria-label')"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    opened.set_default_timeout(20_000)
    yield opened
    opened.close()


def answer(page: Page, name: str, body: dict[str, Any], status: int = 200) -> list[Any]:
    """Answer a change in place of the server. Returns the list of those that are asked for."""
    asked: list[Any] = []

    def reply(route: Route) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(status=status, body=json.dumps(body))

    page.route(f"**/api/{name}", reply)
    return asked


def shown_again(page: Page) -> None:
    """Let the page ask for the project."""
    with page.expect_response("**/api/project?*"):
        page.click("#undo")


def test_an_action_that_is_refused_stays_as_it_was_typed(served: Served, page: Page) -> None:
    found = project(job=None)
    show(page, served[1], found)
    answer(page, "undo", {"done": ""})
    page.click("#actions-part summary")
    row = page.locator("#actions li", has_text="wave")
    kind, value, trouble = (row.locator(name) for name in (".kind", ".value", ".trouble"))
    assert (kind.input_value(), value.input_value()) == ("url", "http://192.168.1.20/on")

    asked = answer(page, "set-action", {"error": "key: there is no key 'spacebar'"}, 422)
    kind.select_option("key")
    assert page.evaluate(FOCUS) == "presses the key, for wave"
    value.fill("spacebar")
    value.press("Tab")
    trouble.wait_for()
    # The server still has the earlier one. What was typed can be mended.
    for _ in range(2):
        assert (kind.input_value(), value.input_value()) == ("key", "spacebar")
        assert "no key 'spacebar'" in trouble.inner_text()
        assert value.get_attribute("aria-invalid") == "true"
        shown_again(page)
    assert asked == [{"gesture": "wave", "kind": "key", "value": "spacebar"}]
    assert page.is_hidden("#error")

    # Escape goes back to what the gesture does. A kind alone does so when the row is left.
    value.press("Escape")
    assert (kind.input_value(), trouble.is_hidden()) == ("url", True)
    kind.select_option("mqtt")
    page.focus("#undo")
    assert (kind.input_value(), value.input_value()) == ("url", "http://192.168.1.20/on")


def test_a_row_shows_what_the_server_keeps(served: Served, page: Page) -> None:
    found = project(job=None)
    show(page, served[1], found)
    answer(page, "undo", {"done": ""})
    page.click("#actions-part summary")
    row = page.locator("#actions li", has_text="wave")
    kind, value = row.locator(".kind"), row.locator(".value")
    kept = {"kind": "command", "value": "lamp"}
    answer(page, "set-action", {"done": kept})
    kind.select_option("command")
    names = page.locator(f"#{value.get_attribute('list')} option")
    assert [name.get_attribute("value") for name in names.all()] == ["lamp"]
    found["actions"]["by_gesture"]["wave"] = kept
    value.fill(" lamp ")
    value.press("Enter")
    page.wait_for_function("() => document.activeElement.value === 'lamp'")

    # Changed elsewhere, while the focus is in the row.
    found["actions"]["by_gesture"] = {}
    kind.focus()
    with page.expect_response("**/api/project?*"):
        page.keyboard.press("u")
        page.evaluate("document.getElementById('undo').click()")
    page.wait_for_function("kind => kind.value === ''", arg=kind.element_handle())
    assert value.is_hidden()


def test_a_screen_reader_hears_each_line_once(served: Served, page: Page) -> None:
    found = project(job=None)
    show(page, served[1], found)
    answer(page, "undo", {"done": ""})
    page.click("#actions-part summary")
    page.evaluate(
        "window.heard = []; new MutationObserver((changes) => changes.forEach((change) => "
        "change.addedNodes.forEach((node) => heard.push(node.textContent)))).observe("
        "document.getElementById('action-lines'), { childList: true, subtree: true })"
    )
    found["actions"] |= {"lines": ["wave: url", "wave: url", "push: key a"], "first_line": 0}
    shown_again(page)
    found["actions"] |= {"lines": ["wave: url", "push: key a", "push: key a"], "first_line": 1}
    shown_again(page)
    shown_again(page)
    page.wait_for_function("() => heard.length >= 3")
    assert page.evaluate("heard") == ["wave: url", "push: key a", "push: key a"]
    assert page.locator("#action-lines div").all_inner_texts() == found["actions"]["lines"]
    # A studio that was started again counts anew.
    found["actions"] |= {"lines": ["hello: key b"], "first_line": 0}
    shown_again(page)
    page.wait_for_function("() => heard.length === 4")
    assert page.locator("#action-lines").inner_text() == "hello: key b"


def test_the_focus_goes_on_with_what_takes_the_place(served: Served, page: Page) -> None:
    found = project(job=None)
    show(page, served[1], found)
    page.focus("#camera")
    page.keyboard.press("Enter")
    page.wait_for_selector("#stop-camera:not([hidden])")
    assert page.evaluate(FOCUS) == "stop-camera"
    page.keyboard.press("Enter")
    assert page.evaluate(FOCUS) == "camera"
    # A button that stays keeps it.
    page.focus("#try")
    page.keyboard.press("Enter")
    page.wait_for_selector("#stop-camera:not([hidden])")
    assert page.evaluate(FOCUS) == "try"
    page.keyboard.press("Enter")

    job = {"name": "Full training", "commands": [], "lines": [], "state": "running", "folder": ""}
    for name, state in (("train", "stopped"), ("export", "done")):
        found["job"] = job | {"state": "running"}
        answer(page, name, {"done": None})
        answer(page, "stop", {"done": None})
        page.focus(f"#{name}")
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.activeElement.id === 'stop-job'")
        found["job"] = job | {"state": state}
        page.keyboard.press("Enter")
        page.wait_for_function("name => document.activeElement.id === name", arg=name)

    # The next clip, and the column where there is none.
    answer(page, "remove-clip", {"done": None})
    files = [one["file"] for one in reversed(found["clips"]) if one["label"] == "wave"]
    page.locator(f'.clip[data-file="{files[0]}"] .remove').focus()
    for number, file in enumerate(files):
        found["clips"] = [one for one in found["clips"] if one["file"] != file]
        page.keyboard.press("Enter")
        page.locator(f'.clip[data-file="{file}"]').wait_for(state="detached")
        if number + 1 < len(files):
            assert page.evaluate(FOCUS) == f"Delete {files[number + 1]}"
    assert page.evaluate("document.activeElement.matches('[data-name=wave] .record')")


def test_clips_are_shown_until_there_are_others(served: Served, page: Page) -> None:
    clips = [clip("wave", number) for number in range(90)]
    found = project(job=None, clips=clips)
    show(page, served[1], found)
    answer(page, "undo", {"done": ""})
    shown = page.locator('.column[data-name="wave"] .clip')
    shown.nth(89).wait_for(state="attached")
    assert shown.first.get_attribute("data-file") == clips[-1]["file"]
    # The server leaves out clips that the page has.
    del found["clips"]
    found["gestures"] = NAMES[1:]
    shown_again(page)
    assert shown.count() == 90
    found |= {"clips": clips[:2], "gestures": NAMES}
    shown_again(page)
    shown.nth(2).wait_for(state="detached")
    assert shown.count() == 2


class Camera:
    """A studio for a page that has a camera: it answers one frame, and notes what it is told."""

    def __init__(self, page: Page) -> None:
        self.told: list[dict[str, Any]] = []
        self._answered = False
        page.route_web_socket("**/ws", self._connected)

    def _connected(self, socket: WebSocketRoute) -> None:
        socket.on_message(lambda message: self._heard(socket, message))

    def _heard(self, socket: WebSocketRoute, message: str | bytes) -> None:
        if isinstance(message, str):
            self.told.append(json.loads(message))
            if self.told[-1]["type"] == "stop":
                socket.send(json.dumps({"type": "clip", "file": "wave/a.mp4"}))
        elif not self._answered:
            self._answered = True
            hand = {"side": "left", "points": [[0.5, 0.5]] * 21}
            socket.send(json.dumps({"type": "hands", "time": 0, "hands": [hand]}))

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.told if message["type"] != "try"]


DRAWN = """() => {
  const overlay = document.getElementById("overlay");
  const picture = overlay.getContext("2d").getImageData(0, 0, overlay.width, overlay.height);
  return picture.data.some((value) => value > 0);
}"""


def test_hands_that_are_not_followed_any_more_are_not_shown(served: Served, page: Page) -> None:
    Camera(page)
    show(page, served[1], project(job=None))
    # Nothing was told before there was a socket, so the project is looked at again.
    with page.expect_response("**/api/project?*"):
        page.click("#camera")
    page.wait_for_function(DRAWN)
    # No further answer comes.
    page.wait_for_function(f"() => !({DRAWN})()")
    assert page.is_visible("#stop-camera")


def test_a_key_that_is_held_records_until_it_is_up(served: Served, page: Page) -> None:
    camera = Camera(page)
    show(page, served[1], project(job=None))
    page.click("#camera")
    page.wait_for_function(DRAWN)
    page.keyboard.down("1")
    # Without the count: whoever holds the key is ready.
    page.wait_for_function(
        "() => /Recording wave/.test(document.getElementById('status').textContent)"
    )
    assert page.is_hidden("#count")
    page.keyboard.up("1")
    page.wait_for_function("() => document.getElementById('status').textContent === 'Saved.'")
    assert camera.kinds() == ["record", "hold", "stop"]
    assert camera.told[-3]["label"] == "wave"

    # A tap begins, and the clip ends by itself, or at the next tap.
    camera.told.clear()
    page.wait_for_timeout(450)
    page.uncheck("#countdown")
    page.select_option("#length", "rest")
    page.locator("h1").click()
    page.keyboard.press("2")
    page.wait_for_timeout(500)
    assert camera.kinds() == ["record"] and "seconds" not in camera.told[-1]
    page.keyboard.press("2")
    page.wait_for_function("() => document.getElementById('status').textContent === 'Saved.'")
    assert camera.kinds() == ["record", "stop"]
