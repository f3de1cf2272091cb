"""A certificate for one address and one day. Its key lies on no disk for longer than it is read."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from action_recognition.studio.lan.libraries import library

_VALID: Final = datetime.timedelta(days=1)
# The clock of a phone may be behind.
_BEFORE: Final = datetime.timedelta(minutes=10)
_NAME: Final = "Gesture studio"


@dataclass(frozen=True, eq=False)
class Certificate:
    """What a server needs for TLS, and the SHA-256 fingerprint by which people compare."""

    context: ssl.SSLContext
    fingerprint: str


def make_certificate(address: str) -> Certificate:
    """Make a key and a certificate, signed by itself, for an address.

    Raises UserError: the library is missing.
    """
    serialization = library("cryptography.hazmat.primitives.serialization")
    hashes = library("cryptography.hazmat.primitives.hashes")
    curves = library("cryptography.hazmat.primitives.asymmetric.ec")
    key = curves.generate_private_key(curves.SECP256R1())
    signed = _unsigned(address, key.public_key()).sign(key, hashes.SHA256())

    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = signed.public_bytes(serialization.Encoding.PEM)
    return Certificate(_context(private + public), signed.fingerprint(hashes.SHA256()).hex(":"))


def _unsigned(address: str, public_key: Any) -> Any:
    """Return what is signed: the address, the key, a day, and that it is no authority."""
    x509 = library("cryptography.x509")
    oids = library("cryptography.x509.oid")
    name = x509.Name([x509.NameAttribute(oids.NameOID.COMMON_NAME, _NAME)])
    now = datetime.datetime.now(datetime.UTC)
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(public_key).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - _BEFORE).not_valid_after(now + _VALID)

    # Browsers look at the alternative name alone.
    builder = builder.add_extension(addresses, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
    purposes = x509.ExtendedKeyUsage([oids.ExtendedKeyUsageOID.SERVER_AUTH])
    return builder.add_extension(purposes, critical=False)


def _context(pem: bytes) -> ssl.SSLContext:
    """Return the context of a server with this key and certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python reads them from a file only. Nobody else can enter this folder.
    with tempfile.TemporaryDirectory(prefix="studio-lan-") as folder:
        file = Path(folder) / "both.pem"
        file.write_bytes(pem)
        context.load_cert_chain(file)
    return context
