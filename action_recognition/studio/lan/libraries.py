"""The libraries of the extra `lan`, which are imported only where the LAN is switched on."""

from __future__ import annotations

import importlib
from typing import Any, Final

from action_recognition.errors import user_error

_CERTIFICATES: Final = "cryptography.x509"
_CODES: Final = "segno"


def check_libraries() -> None:
    """Raise UserError: a library is missing. The message says how to install it."""
    for name in (_CERTIFICATES, _CODES):
        library(name)


def library(name: str) -> Any:
    """Return a module of the extra. Raises UserError: it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        found = f"needs {package}, which cannot be imported here"
        raise user_error("--lan", found, fix='pip install ".[lan]"') from None


def picture_of_code(text: str) -> str:
    """Return the QR code of a text as an SVG in a data URI: black on white, whatever the scheme."""
    code = library(_CODES).make_qr(text, error="m")
    return str(code.svg_data_uri(scale=8, border=4, dark="#000", light="#fff"))
