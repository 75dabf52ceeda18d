"""TLS for a server of a test: an authority of its own, and a certificate for loopback."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from stormdb.server import EmbeddedServer

__all__ = ["Authority", "turn_on_tls"]

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A certificate authority that no one else trusts.

    Attributes:
        key: its private key.
        certificate: its own certificate.
    """

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls) -> Authority:
        """A new one."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("authority of a test")
        certificate = (
            _draft(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(key=key, certificate=certificate)

    @property
    def pem(self) -> bytes:
        """Its certificate, for `sslrootcert`."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, common_name: str) -> tuple[bytes, bytes]:
        """A certificate and its key, as PEM.

        Args:
            common_name: of a server, which is then known as localhost and 127.0.0.1 too, or the
                role of a client.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate = (
            _draft(_name(common_name), self.certificate.subject, key)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return (
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _draft(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )


async def turn_on_tls(server: EmbeddedServer, authority: Authority, *, only: bool = True) -> None:
    """Give a running server a certificate.

    Args:
        server: the server.
        authority: who signs it.
        only: refuse connections by TCP without TLS.
    """
    owner = server.data_path.stat()
    for name, content in zip(
        ("server.crt", "server.key"), authority.issue("localhost"), strict=True
    ):
        path = server.data_path / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        os.chown(path, owner.st_uid, owner.st_gid)
    if only:
        access = server.data_path / "pg_hba.conf"
        access.write_text(f"hostnossl all all all reject\n{access.read_text()}")
    connection = await asyncpg.connect(
        host=str(server.socket_dir),
        port=server.port,
        user=server.user,
        password=server.password,
        database=server.dbname,
    )
    await connection.execute("ALTER SYSTEM SET ssl = on")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()
