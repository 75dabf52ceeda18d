"""Detached signatures of plugins, in minisign's format: `shop.py.minisig` beside `shop.py`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stormdb.errors import ConfigError

__all__ = ["SUFFIX", "parse_trust", "problem_of"]

SUFFIX = ".minisig"
_SIGNATURE_BYTES = 16_384
"""More than minisign writes; its own limit for a comment is 8192."""


def parse_trust(texts: Iterable[str]) -> dict[str, list[str]]:
    """Whose signatures are asked for.

    Args:
        texts: each a public key, or the file that holds it, after `NAME=` if it is one plugin's.

    Returns:
        keys in base64 by the plugin's name; those for all plugins by "".

    Raises:
        ConfigError: one is no key.
    """
    trusted: dict[str, list[str]] = {}
    for text in texts:
        name, _, key = text.rpartition("=")
        trusted.setdefault(name, []).append(_read_key(key))
    return trusted


def _read_key(text: str) -> str:
    import minisign

    path = Path(text)
    try:
        if path.is_file():
            key = minisign.PublicKey.from_bytes(path.read_bytes())
        else:
            key = minisign.PublicKey.from_base64(text)
    except (minisign.Error, OSError) as error:
        raise ConfigError(
            f"{text} is neither a public key of minisign nor a file that holds one: {error}",
            where="--trust",
            hint="name the .pub file of whoever signs the plugin, or the line in it that "
            "begins with RW",
        ) from None
    return key.to_base64().decode()


def problem_of(file: Path, key: str) -> str | None:
    """What is wrong with the signature of a file, in words that begin with a file's name.

    Args:
        file: what is signed; there is nothing beside a folder that could sign it.
        key: the public key, in base64.

    Returns:
        None if the signature is there and is right.
    """
    import minisign

    if not file.is_file():
        return f"{file.name} is a folder, and only a .py file, a wheel or a zip can be signed"
    beside = file.with_name(file.name + SUFFIX)
    if not beside.is_file():
        return f"{beside.name} is missing, a signature by the key {key}"
    try:
        with beside.open("rb") as opened:
            signature = minisign.Signature.from_bytes(opened.read(_SIGNATURE_BYTES))
        minisign.PublicKey.from_base64(key).verify_file(file, signature)
    except (minisign.Error, OSError) as error:
        return f"{beside.name} is no signature of {file.name} by the key {key}: {error}"
    return None
