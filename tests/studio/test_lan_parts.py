"""What the site for a phone is made of: its address, its certificate, its code and the pairing."""

from __future__ import annotations

import datetime
import socket
import sys
from pathlib import Path

import pytest

from action_recognition.commands.teaching.studio import main
from action_recognition.errors import UserError
from action_recognition.studio.lan.address import checked_address, lan_address
from action_recognition.studio.lan.pairing import MOST_WRONG, VALID_S, Pairing
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1", "this computer alone"),
        ("127.8.0.2", "this computer alone"),
        ("::1", "this computer alone"),
        ("::ffff:127.0.0.1", "this computer alone"),
        ("0.0.0.0", "every address"),
        ("::", "every address"),
        ("8.8.8.8", "a public one"),
        ("2606:4700::1111", "a public one"),
        ("::ffff:8.8.8.8", "a public one"),
        ("224.0.0.1", "a public one"),
        ("fe80::1", "a browser cannot name"),
        ("fe80::1%eth0", "a browser cannot name"),
        ("router.local", "is no address"),
        ("192.168.1.5:80", "is no address"),
    ],
)
def test_addresses_that_are_not_of_the_local_network(
    address: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=f"--lan: .*{said}.*to repair: state it: --lan ADDRESS"):
        checked_address(address)


@pytest.mark.parametrize("address", ["192.168.1.5", "10.1.2.3", "172.20.0.9", "fd00::5"])
def test_addresses_of_the_local_network(address: str) -> None:
    assert lan_address(address) == address
    assert checked_address("::ffff:192.168.1.5") == "192.168.1.5"


class Routes:
    """A socket of a computer with these routes. It notes what is done with it."""

    found: dict[int, str]
    done: list[str]

    def __init__(self, family: int, kind: int) -> None:
        assert kind == socket.SOCK_DGRAM
        self.family = family

    def __enter__(self) -> Routes:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def connect(self, where: tuple[str, int]) -> None:
        self.done.append(where[0])
        if self.family not in self.found:
            raise OSError("Network is unreachable")

    def getsockname(self) -> tuple[str, int]:
        return self.found[self.family], 40_000


def test_the_own_address_is_found_without_a_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    # The stand-in knows no sending: whatever else is called fails.
    monkeypatch.setattr(socket, "socket", Routes)
    monkeypatch.setattr(socket, "getaddrinfo", pytest.fail)
    monkeypatch.setattr(Routes, "done", [], raising=False)
    monkeypatch.setattr(Routes, "found", {socket.AF_INET: "192.168.7.9"}, raising=False)
    assert lan_address() == "192.168.7.9"
    Routes.found = {socket.AF_INET6: "fd00::9"}
    assert lan_address() == "fd00::9"
    assert set(Routes.done) == {"192.0.2.1", "2001:db8::1"}

    Routes.found = {socket.AF_INET: "8.8.4.4"}
    with pytest.raises(UserError, match=r"8\.8\.4\.4 is .* public"):
        lan_address()
    Routes.found = {}
    with pytest.raises(UserError, match=r"has no address in a network.*--lan ADDRESS"):
        lan_address()


def test_nothing_is_opened_where_the_flag_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="needs the extra lan")
    pytest.importorskip("segno", reason="needs the extra lan")
    project = tmp_path / "hands"
    for address in ("8.8.8.8", "0.0.0.0"):
        with pytest.raises(UserError, match="--lan"):
            main(REPOSITORY, [str(project), "--no-open", "--lan", address])
    for name in ("segno", "cryptography.x509"):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, name, None)
            said = rf'{name.split(".")[0]},.*pip install "\.\[lan\]"'
            with pytest.raises(UserError, match=said) as caught:
                main(REPOSITORY, [str(project), "--no-open", "--lan", "192.168.1.5"])
            assert len(caught.value.problems) == 1
    assert not project.exists()


def test_a_code_is_good_once_and_for_a_time() -> None:
    now = [100.0]
    pairing = Pairing(lambda: now[0])
    assert pairing.redeem("") == "" and not pairing.is_open
    token = pairing.offer()
    assert len(token) >= 43 and pairing.is_open
    now[0] += VALID_S - 1
    session = pairing.redeem(token)
    assert session and session != token and pairing.knows(session)
    assert pairing.redeem(token) == "" and not pairing.is_open
    assert not pairing.knows(token) and not pairing.knows("") and not pairing.knows("ä\udc80")

    # While one phone is connected, no code is made for another.
    with pytest.raises(UserError, match="one is connected already"):
        pairing.offer()
    pairing.end()
    assert not pairing.knows(session) and not pairing.is_paired

    late = pairing.offer()
    now[0] += VALID_S
    assert not pairing.is_open and pairing.redeem(late) == ""


def test_wrong_codes_end_the_pairing_until_a_new_one_is_asked_for() -> None:
    pairing = Pairing()
    token = pairing.offer()
    for number in range(MOST_WRONG):
        assert pairing.is_open
        assert pairing.redeem(f"{token[:-1]}{number}" + "x") == ""
    assert not pairing.is_open and pairing.redeem(token) == ""
    # Fewer do not, and a new code counts from nothing.
    token = pairing.offer()
    for _ in range(MOST_WRONG - 1):
        pairing.redeem("wrong")
    assert pairing.redeem(token)


def test_a_newer_code_is_the_only_one() -> None:
    pairing = Pairing()
    first, second = pairing.offer(), pairing.offer()
    assert pairing.redeem(first) == "" and pairing.redeem(second)


@pytest.mark.parametrize("address", ["192.168.1.5", "fd00::5"])
def test_a_certificate_is_for_one_address_and_a_day(address: str) -> None:
    x509 = pytest.importorskip("cryptography.x509", reason="needs the extra lan")
    from action_recognition.studio.lan.certificate import _unsigned, make_certificate

    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
    key = ec.generate_private_key(ec.SECP256R1())
    made = _unsigned(address, key.public_key()).sign(key, hashes.SHA256())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one.value) for one in names] == [address]
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    now = datetime.datetime.now(datetime.UTC)
    assert made.not_valid_before_utc < now < made.not_valid_after_utc
    assert made.not_valid_after_utc - now <= datetime.timedelta(days=1)

    # Each start has its own, and leaves no file.
    first, second = make_certificate(address), make_certificate(address)
    assert first.fingerprint != second.fingerprint and len(first.fingerprint) == 32 * 3 - 1


def test_no_key_stays_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cryptography", reason="needs the extra lan")
    import tempfile

    from action_recognition.studio.lan.certificate import make_certificate

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make_certificate("192.168.1.5")
    assert list(tmp_path.iterdir()) == []


def test_the_picture_says_the_address() -> None:
    pytest.importorskip("segno", reason="needs the extra lan")
    from action_recognition.studio.lan.libraries import picture_of_code

    text = "https://192.168.1.5:8010/pair?code=" + "aB3_" * 10
    assert picture_of_code(text).startswith("data:image/svg+xml")
    assert picture_of_code(text) != picture_of_code(text[:-1])
