"""Signatures that the program minisign has made, and what may happen to them on the way."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stormdb.errors import ConfigError
from stormdb.plugins.signatures import parse_trust, problem_of

SIGNED = Path(__file__).parents[2] / "fixtures" / "signatures"
KEY = (SIGNED / "author.pub").read_text().splitlines()[1]
OTHER_KEY = (SIGNED / "other.pub").read_text().splitlines()[1]
NO_SIGNATURE = f"shop.py.minisig is no signature of shop.py by the key {KEY}: "


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name in ("shop.py", "shop.py.minisig"):
        shutil.copy(SIGNED / name, tmp_path)
    return tmp_path / "shop.py"


def beside(shop: Path) -> Path:
    return shop.with_name("shop.py.minisig")


def test_what_minisign_has_signed_is_right_whether_hashed_first_or_not(shop: Path) -> None:
    assert problem_of(shop, KEY) is None
    shutil.copy(SIGNED / "legacy.minisig", beside(shop))
    assert problem_of(shop, KEY) is None


def test_each_changed_byte_of_the_file_is_seen(shop: Path) -> None:
    content = shop.read_bytes()
    for index in range(0, len(content), 29):
        shop.write_bytes(content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :])
        assert problem_of(shop, KEY) == NO_SIGNATURE + "signature verification failed"
    shop.write_bytes(content + b"\n")
    assert problem_of(shop, KEY) == NO_SIGNATURE + "signature verification failed"


def test_each_cut_of_the_signature_is_seen(shop: Path) -> None:
    content = beside(shop).read_bytes()
    for length in range(len(content) - 1):  # the last byte is the end of the line
        beside(shop).write_bytes(content[:length])
        assert str(problem_of(shop, KEY)).startswith(NO_SIGNATURE)


def with_line(number: int, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        lines = content.splitlines()
        lines[number] = change(lines[number])
        return b"\n".join(lines) + b"\n"

    return changed


def with_byte(index: int) -> Callable[[bytes], bytes]:
    """Another byte in what a line of base64 stands for."""

    def changed(line: bytes) -> bytes:
        raw = bytearray(base64.b64decode(line))
        raw[index] ^= 0x80
        return base64.b64encode(bytes(raw))

    return changed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_line(2, lambda line: line.replace(b"1.0.0", b"9.0.0")), "verification failed"),
        (with_line(1, with_byte(20)), "verification failed"),
        (with_line(3, with_byte(20)), "verification failed"),
        (with_line(1, with_byte(5)), "incompatible key identifiers"),
        (with_line(1, with_byte(0)), "unsupported signature algorithm"),
        # As if it were of the file itself, not of its hash.
        (with_line(1, lambda line: b"RWR5" + line[4:]), "verification failed"),
        (with_line(1, lambda line: line + b"AAAA"), "invalid base64 encoding"),
        (with_line(1, lambda _: b"!" * 100), "invalid base64 encoding"),
        (with_line(2, lambda _: b"trusted comment: \xff"), "invalid comment encoding"),
        (lambda content: content + b"more\n", "invalid number of lines"),
        (lambda _: b"", "invalid number of lines"),
        (lambda _: b"\n" * 10**6, "invalid number of lines"),
    ],
)
def test_what_was_altered_is_refused_in_words(
    shop: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    beside(shop).write_bytes(change(beside(shop).read_bytes()))
    problem = str(problem_of(shop, KEY))
    assert problem.startswith(NO_SIGNATURE)
    assert said in problem


def test_another_key_counts_for_nothing(shop: Path) -> None:
    assert "incompatible key identifiers" in str(problem_of(shop, OTHER_KEY))
    shutil.copy(SIGNED / "other.minisig", beside(shop))
    assert "incompatible key identifiers" in str(problem_of(shop, KEY))
    # The identifier is a name that anyone can take.
    raw = base64.b64decode(OTHER_KEY)
    forged = base64.b64encode(raw[:2] + base64.b64decode(KEY)[2:10] + raw[10:]).decode()
    shutil.copy(SIGNED / "shop.py.minisig", beside(shop))
    assert "signature verification failed" in str(problem_of(shop, forged))


def test_what_has_no_signature_is_named(shop: Path) -> None:
    beside(shop).unlink()
    assert problem_of(shop, KEY) == f"shop.py.minisig is missing, a signature by the key {KEY}"
    beside(shop).mkdir()
    assert "is missing" in str(problem_of(shop, KEY))
    assert "is a folder, and only a .py file" in str(problem_of(shop.parent, KEY))


def test_a_key_is_a_text_or_a_file_for_all_plugins_or_one() -> None:
    file = str(SIGNED / "other.pub")
    assert parse_trust([KEY, f"shop={file}", f"shop={KEY}"]) == {
        "": [KEY],
        "shop": [OTHER_KEY, KEY],
    }
    for text in ("RWQ", "shop=nowhere.pub", "", str(SIGNED / "shop.py"), KEY[:-4] + "++++="):
        with pytest.raises(ConfigError, match=r"neither a public key of minisign nor a file"):
            parse_trust([text])
