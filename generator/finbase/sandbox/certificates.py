"""A root and a server's certificate, made for one run of the sandbox."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finbase.errors import FinbaseError

__all__ = ["Certificates", "CertificatesError", "make_certificates"]

_VALID = datetime.datetime(2000, 1, 1), datetime.datetime(2099, 1, 1)


class CertificatesError(FinbaseError):
    """No certificate can be made here."""


@dataclass(frozen=True)
class Certificates:
    """Two PEM files: the root, and the server's certificate of it with its key."""

    root: Path
    server: Path


def make_certificates(folder: Path, host_names: Sequence[str]) -> Certificates:
    """Make ``root.pem`` and ``server.pem`` in ``folder``, the latter for these host names.

    The root's own key is thrown away. Raises ``CertificatesError`` where the package
    ``cryptography`` is missing.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID
    except ImportError as error:
        raise CertificatesError(
            "a certificate for the local database cannot be made: cryptography is not installed",
            "install finbase with its extra: pip install 'finbase[rehearsal]'",
        ) from error

    root_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "finbase sandbox root")])
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "finbase sandbox database")])

    def builder(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(root_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_VALID[0])
            .not_valid_after(_VALID[1])
        )

    # Python 3.13 is as strict as RFC 5280: key identifiers, and what a root's key may do.
    identifier = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    signs = x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=True,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    root = (
        builder(root_name, root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(identifier, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    server = (
        builder(server_name, server_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in host_names]),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(root_key, hashes.SHA256())
    )
    key = server_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    made = Certificates(folder / "root.pem", folder / "server.pem")
    made.root.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    made.server.touch(mode=0o600)
    made.server.write_bytes(server.public_bytes(serialization.Encoding.PEM) + key)
    return made
