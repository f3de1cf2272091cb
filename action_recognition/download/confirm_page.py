"""The page on which a file store asks to confirm the download of a large file."""

from __future__ import annotations

import html.parser
import urllib.parse


def confirm_link(page_url: str, page: str) -> str | None:
    """Return the address that confirms a download, or None if the page offers none."""
    parser = _ConfirmPage()
    parser.feed(page)
    if parser.action is not None:
        found = _submitted(urllib.parse.urljoin(page_url, parser.action), parser.fields)
    elif parser.link is not None:
        found = urllib.parse.urljoin(page_url, parser.link)
    else:
        return None

    # A page must not lead to a file of this machine.
    return found if urllib.parse.urlsplit(found).scheme in ("http", "https") else None


def _submitted(action: str, fields: dict[str, str]) -> str:
    """Return the address that a browser opens when the form is submitted."""
    parts = urllib.parse.urlsplit(action)
    query = urllib.parse.urlencode({**dict(urllib.parse.parse_qsl(parts.query)), **fields})
    return urllib.parse.urlunsplit(parts._replace(query=query))


class _ConfirmPage(html.parser.HTMLParser):
    """Finds the form or the link with which a download is confirmed."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.link: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, a hidden field of the form, or a link that confirms."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and _confirms(values):
            self.action = values.get("action", "")
        elif tag == "input" and self.action is not None and values.get("type") == "hidden":
            self.fields[values.get("name", "")] = values.get("value", "")
        elif tag == "a" and "confirm=" in values.get("href", ""):
            self.link = values["href"]


def _confirms(form: dict[str, str]) -> bool:
    return "download" in form.get("id", "") or "confirm=" in form.get("action", "")
