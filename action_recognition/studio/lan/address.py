"""The address of this computer in the local network, found without a look-up or a packet."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from action_recognition.errors import user_error

# Addresses that are kept for documentation: nobody has them. UDP sends nothing to connect.
_NOBODY: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_PORT: Final = 9
_ALLOWED: Final = "the address of this computer in the local network, such as 192.168.1.5"
_FIX: Final = "state it: --lan ADDRESS"


def lan_address(stated: str = "") -> str:
    """Return the address that is stated, or the one that this computer has.

    Raises UserError: it is none of a local network, or there is none.
    """
    if stated:
        return checked_address(stated)
    found = _own_address()
    if not found:
        raise user_error("--lan", "this computer has no address in a network", _ALLOWED, _FIX)
    return checked_address(found)


def checked_address(text: str) -> str:
    """Return an address in its usual form.

    Raises UserError: it is none, or loopback, unspecified, public, or of no network that a phone's
    browser can name.
    """
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        raise user_error("--lan", f"{text[:80]!r} is no address", _ALLOWED, _FIX) from None
    # An IPv4 address in IPv6 is judged as what it is.
    plain = getattr(ip, "ipv4_mapped", None) or ip
    reason = _reason_against(plain)
    if reason:
        raise user_error("--lan", f"{plain} is {reason}", _ALLOWED, _FIX)
    return str(plain)


def _reason_against(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return why an address cannot be used. Empty where it can."""
    if ip.is_loopback:
        return "this computer alone, which no phone reaches"
    if ip.is_unspecified:
        return "every address of this computer"
    # Browsers take no address with the name of an interface.
    if ip.version == 6 and ip.is_link_local:
        return "an address that a browser cannot name"
    if ip.is_multicast or ip.is_global:
        return "no address of a local network but a public one"
    return ""


def _own_address() -> str:
    """Return the address from which this computer would send. Empty where it has no route."""
    for family, nobody in _NOBODY:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as one:
                one.connect((nobody, _PORT))
                return str(one.getsockname()[0])
        except OSError:
            continue
    return ""


def url_host(address: str) -> str:
    """Return an address as it stands in a URL.

    >>> url_host("192.168.1.5"), url_host("fd00::5")
    ('192.168.1.5', '[fd00::5]')
    """
    return f"[{address}]" if ":" in address else address
