from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from stormdb.program import FORMAT_VERSION, decode
from tests.support.described import compiled, send


def test_a_program_is_its_bytes_and_their_digest() -> None:
    program = compiled(lambda tx: send(tx, 1))
    assert program.version == FORMAT_VERSION == 1
    assert program.digest == f"sha256:{sha256(program.bytes).hexdigest()}"
    assert decode(program.bytes) == program
    assert replace(program, mix="deck").digest != program.digest
