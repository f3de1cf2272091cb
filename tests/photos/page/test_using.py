"""The page as people use it: by camera, keyboard, screen reader, on a phone, with files that are no
photos, without the runtime.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from action_recognition.deploy import Predictor
from action_recognition.photos.page.server import PhotoServer
from action_recognition.photos.page.site import open_site
from action_recognition.photos.photo_models import Square, centre_square, predict_photo
from tests.browser import QUIET, chromium, started
from tests.conftest import REPOSITORY
from tests.data.test_photo import bomb
from tests.made_photos import (
    LABELS,
    METADATA,
    LeftOrRight,
    drawn_hands,
    write_photo_model,
    write_photos,
)
from tests.photos.page.conftest import open_page, served
from tests.photos.page.test_in_browser import shown_after

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

IMAGES = REPOSITORY / "docs" / "images"
UPDATE = "UPDATE_SCREENSHOTS"  # set to 1, the tests put their screenshots into docs/images
BAR_SUM = (
    "[...document.querySelectorAll('#bars .share')].reduce((sum, bar) => sum + "
    "parseFloat(bar.textContent), 0)"
)


def screenshot(page: Page, name: str, folder: Path) -> None:
    """A picture of the page, which docs/ shows; made by every run of the test, kept by one that is
    to update the docs.
    """
    made = folder / name
    page.screenshot(path=str(made), type="jpeg", quality=80)
    assert made.stat().st_size > 10_000
    if os.environ.get(UPDATE) == "1":
        shutil.copyfile(made, IMAGES / name)
    assert (IMAGES / name).is_file(), f"{UPDATE}=1 makes it"


def test_the_camera_by_the_keyboard_alone(
    page: Page, photo_export: Path, camera_picture: NDArray[np.uint8], tmp_path: Path
) -> None:
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached[:4] == ["files", "camera", "mirror", "square-on"]
    page.focus("#camera")
    page.keyboard.press("Enter")
    page.wait_for_selector("#take:not([hidden])")
    assert page.get_attribute("#camera", "aria-pressed") == "true" and page.is_checked("#square-on")
    page.wait_for_function("() => document.getElementById('view').width === 640")
    page.keyboard.press("y")
    page.wait_for_selector("#bars li")
    expected = predict_photo(
        Predictor.from_path(photo_export / "model.xml"),
        camera_picture,
        centre_square(camera_picture, 0.8),
    )
    shown = page.evaluate("document.querySelector('#bars li span').textContent")
    share = float(page.inner_text("#bars li:first-child .share").removesuffix(" %")) / 100
    assert shown == expected.labels[0] and share == pytest.approx(
        expected.probability, abs=0.1
    )  # a camera's colours are halved
    page.keyboard.press("y")
    page.wait_for_selector("#rows tr:nth-child(2)")
    page.focus("#camera")
    page.keyboard.press("Space")
    page.wait_for_selector("#take[hidden]", state="attached")
    assert page.evaluate("document.getElementById('video').srcObject") is None


def test_live_goes_on_until_it_is_switched_off(page: Page) -> None:
    page.click("#camera")
    page.check("#live")
    page.wait_for_selector("#bars li")
    page.evaluate("document.getElementById('bars').replaceChildren()")
    page.wait_for_selector("#bars li")  # without a key it comes again
    page.uncheck("#live")
    page.wait_for_timeout(500)
    page.evaluate("document.getElementById('bars').replaceChildren()")
    page.wait_for_timeout(500)
    assert page.locator("#bars li").count() == 0 and page.locator("#rows tr").count() == 0


def test_a_refused_camera_says_what_to_do(playwright: Playwright, page_server: PhotoServer) -> None:
    with chromium(
        playwright, "--use-fake-device-for-media-stream", "--deny-permission-prompts"
    ) as browser:
        page = open_page(browser.new_page(), page_server.address)
        page.click("#camera")
        page.wait_for_function(
            "() => document.getElementById('status').textContent.startsWith('No camera')"
        )
        assert (
            "Allow the camera in the settings of this site, or choose a photo"
            in page.inner_text("#status")
        )
        assert page.get_attribute("#camera", "aria-pressed") == "false" and page.is_hidden("#take")


def test_names_and_roles_for_screen_readers(steady_page: Page) -> None:
    page = steady_page
    for role, name in [
        ("button", "Use the camera"),
        ("checkbox", "mirror the photo"),
        ("checkbox", "only a square"),
        ("main", None),
    ]:
        assert page.get_by_role(role, name=name).count() == 1, (role, name)
    assert page.get_by_label("Choose photos").get_attribute("type") == "file"
    assert page.get_by_role("status").get_attribute("aria-live") == "polite"
    assert page.get_by_role("list", name="the three most probable").count() == 1
    for name in ("Photo", "Result", "Settings"):
        assert page.get_by_role("region", name=name).count() == 1
    assert [page.locator(tag).count() for tag in ("h1", "h2")] == [1, 4] and page.get_attribute(
        "html", "lang"
    ) == "en"
    unnamed = (
        "[...document.querySelectorAll('button, input')].filter((item) => "
        "!item.labels?.length && !item.textContent.trim()).length"
    )
    assert page.evaluate(unnamed) == 0
    assert "4 labels, 64x64 pixels, in this browser, WASM" in page.inner_text("#about")


def test_on_a_phone_nothing_is_cut_off(
    browser: Browser, page_server: PhotoServer, tmp_path: Path
) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    page = open_page(context.new_page(), page_server.address)
    page.click("#camera")
    page.check("#live")
    page.wait_for_selector("#bars li")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert all(
        page.locator(name).bounding_box()["height"] >= 24
        for name in ("#camera", "label[for=files]", "#take")
    )
    page.evaluate("window.scrollTo(0, 0)")
    screenshot(page, "photo_page_phone.jpg", tmp_path)
    page.click("#camera")
    long_name = tmp_path / ("long_name_" * 15 + ".jpg")
    (file,) = write_photos(tmp_path, drawn_hands(30)[:1])
    shutil.copyfile(file, long_name)
    page.set_input_files("#files", [str(file), str(long_name)])
    page.wait_for_selector("#rows tr:nth-child(2)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


DROP = """
([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  const event = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
  return !document.getElementById("drop").dispatchEvent(event);
}
"""


def test_a_dropped_photo_is_classified(page: Page, photo_export: Path, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 1000, "height": 560})
    picture = drawn_hands(30, 640, 480)[20]
    (file,) = write_photos(tmp_path, [picture])
    expected = predict_photo(Predictor.from_path(photo_export / "model.xml"), np.array(picture))
    assert page.evaluate(
        DROP, [file.name, base64.b64encode(file.read_bytes()).decode()]
    )  # and the browser does not open it itself
    page.wait_for_selector("#bars li")
    assert page.inner_text("#bars li:first-child span:first-child") == expected.labels[0]
    assert page.evaluate(BAR_SUM) == pytest.approx(100 * expected.probabilities[:3].sum(), abs=0.2)
    page.check("#square-on")
    shown_after(
        page,
        lambda: None,
        predict_photo(
            Predictor.from_path(photo_export / "model.xml"), _as_read(file), Square(128, 48, 384)
        ),
    )
    screenshot(page, "photo_page.jpg", tmp_path)


def _as_read(file: Path) -> NDArray[np.uint8]:
    from action_recognition.data.photo import read_photo

    return read_photo(file)


def bad_files(folder: Path) -> dict[Path, str]:
    """Files that are no photos, and a part of what has to be said of each."""
    (photo,) = write_photos(folder, drawn_hands(30)[:1])
    (png,) = write_photos(folder / "png", drawn_hands(30)[:1], ".png")
    huge = folder / "huge.jpg"
    with huge.open("wb") as file:
        file.truncate(1_000_000_000)
    contents = {
        "letter.jpg": (b"hello " * 20, "is not a JPEG, PNG"),
        "empty.png": (b"", "is not a JPEG, PNG"),
        "bomb.png": (bomb(50_000), "is 50000x50000: more than"),
        "cut.jpg": (photo.read_bytes()[:2000], "is damaged or cut short"),
        "cut.png": (png.read_bytes()[:2000], "is damaged or cut short"),
        "page.svg": (
            b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
            "is not a JPEG, PNG",
        ),
    }
    for name, (data, _) in contents.items():
        (folder / name).write_bytes(data)
    return {folder / name: said for name, (_, said) in contents.items()} | {
        huge: "has 1000 MB: more than"
    }


def test_files_that_are_no_photos_are_named_and_the_others_go_on(
    page: Page, tmp_path: Path
) -> None:
    bad = bad_files(tmp_path)
    (good,) = write_photos(tmp_path / "good", drawn_hands(30)[:1])
    page.set_input_files("#files", [str(file) for file in (*bad, good)])
    page.wait_for_function(
        "count => document.querySelectorAll('#rows tr').length === count", arg=len(bad) + 1
    )
    rows = page.locator("#rows tr").all_inner_texts()
    for row, (file, said) in zip(rows, bad.items(), strict=False):
        assert file.name in row and said in row
    assert "%" in rows[-1]


def test_exif_rotation_transparency_and_sixteen_bits_are_as_in_python(
    page: Page, photo_export: Path, tmp_path: Path
) -> None:
    from PIL import Image

    from action_recognition.data.photo import read_photo

    picture = Image.fromarray(drawn_hands(30)[20])
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "rotated.jpg", exif=exif, quality=95)
    clear = picture.copy()
    clear.putalpha(Image.linear_gradient("L").resize(picture.size))
    clear.save(tmp_path / "clear.png")
    Image.fromarray(np.array(picture.convert("L"), np.uint16) * 257).save(tmp_path / "deep.png")
    picture.save(
        tmp_path / "moving.gif", save_all=True, append_images=[Image.new("RGB", picture.size)]
    )
    picture.convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    predictor = Predictor.from_path(photo_export / "model.xml")
    for name in ("rotated.jpg", "clear.png", "deep.png", "moving.gif", "print.jpg"):
        page.set_input_files("#files", str(tmp_path / name))
        page.wait_for_function(
            "name => [...document.querySelectorAll('#rows "
            "tr')].at(-1)?.textContent.startsWith(name)",
            arg=name,
        )
        ours = predict_photo(predictor, read_photo(tmp_path / name))
        share = float(page.inner_text("#bars li:first-child .share").removesuffix(" %")) / 100
        assert page.inner_text("#bars li:first-child span:first-child") == ours.labels[0], name
        assert share == pytest.approx(ours.probability, abs=0.03), name


def test_a_model_of_hands_begins_with_the_square(
    browser: Browser, tmp_path: Path, browser_runtime: Path
) -> None:
    folder = write_photo_model(tmp_path / "export", replace(METADATA, crop="hand"), LeftOrRight())
    with served(open_site(folder, runtime=browser_runtime)) as server:
        context = browser.new_context()
        page = open_page(context.new_page(), server.address)
        assert (
            page.is_checked("#square-on")
            and page.is_visible("#square")
            and "put the square around one" in page.inner_text("#hand")
        )
        context.close()


@pytest.mark.slow
def test_webgpu_says_the_same(
    playwright: Playwright, page_server: PhotoServer, photo_export: Path, tmp_path: Path
) -> None:
    """By Chromium's GPU in software, which the page takes only where the address asks for it."""
    (file,) = write_photos(tmp_path, drawn_hands(30)[20:21])
    expected = predict_photo(Predictor.from_path(photo_export / "model.xml"), _as_read(file))
    with started(
        playwright, [*QUIET, "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
    ) as browser:
        for query, where in (("", "WASM"), ("?backend=webgpu", "WebGPU")):
            page = browser.new_page()
            page.goto(page_server.address + query)
            page.wait_for_selector("body[data-ready], body[data-failed]", timeout=240_000)
            page.set_input_files("#files", file)
            page.wait_for_selector("#bars li", timeout=120_000)
            assert where in page.inner_text("#latency")
            assert page.evaluate(BAR_SUM) == pytest.approx(
                100 * expected.probabilities[:3].sum(), abs=0.3
            )
            page.close()


# Without the runtime.


@pytest.fixture
def server_page(browser: Browser, photo_export: Path, tmp_path: Path) -> Iterator[Page]:
    with served(open_site(photo_export, runtime=tmp_path / "nothing")) as server:
        context = browser.new_context()
        yield open_page(context.new_page(), server.address)
        context.close()


def test_without_the_runtime_the_page_says_so_and_the_server_answers(
    server_page: Page, photo_export: Path, tmp_path: Path
) -> None:
    page = server_page
    assert "the runtime for browsers is not installed (npm ci" in page.inner_text("#notice")
    assert page.inner_text("#where") == "computer" and "OpenVINO" in page.inner_text("#about")
    (file,) = write_photos(tmp_path, drawn_hands(30)[20:21])
    predictor = Predictor.from_path(photo_export / "model.xml")
    page.set_input_files("#files", file)
    page.wait_for_selector("#bars li")
    expected = predict_photo(predictor, _as_read(file))
    assert page.inner_text("#bars li:first-child span:first-child") == expected.labels[0]
    assert page.evaluate(BAR_SUM) == pytest.approx(100 * expected.probabilities[:3].sum(), abs=0.2)
    page.click("#camera")
    page.wait_for_function("() => document.getElementById('view').width === 640")
    page.evaluate("document.getElementById('bars').replaceChildren()")
    page.click("#take")
    page.wait_for_selector("#bars li")
    assert page.inner_text("#bars li:first-child span:first-child") in LABELS


def test_a_model_without_metadata_is_named(
    browser: Browser, page_server: PhotoServer, photo_export: Path, tmp_path: Path
) -> None:
    import onnx

    bare = onnx.load(photo_export / "model.onnx")
    del bare.metadata_props[:]
    context = browser.new_context()
    page = context.new_page()
    page.route("**/model.onnx", lambda route: route.fulfill(body=bare.SerializeToString()))
    page.goto(page_server.address)
    page.wait_for_selector("body[data-failed]")
    assert "the model carries no metadata: export it again" in page.inner_text(
        "#status"
    ) and page.is_disabled("#files")
    context.close()
