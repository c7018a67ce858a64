"""The CA roots are those that their README lists, and nothing else."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

FOLDER = Path(__file__).parents[2] / "templates" / "modules" / "secret" / "rotation" / "ca"
REGIONS = sorted(path.stem for path in FOLDER.glob("*.pem"))
ALGORITHMS = ["RSA2048", "RSA4096", "ECC384"]
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


def certificates(path: Path) -> list[str]:
    return CERTIFICATE.findall(path.read_text(encoding="ascii"))


def decoded(pem: str) -> Mapping[str, object]:
    """What the function's own TLS library reads; it takes certificates of authorities only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem)
    (certificate,) = context.get_ca_certs()
    assert certificate["subject"] == certificate["issuer"]
    return certificate


def common_name(certificate: Mapping[str, object]) -> str:
    subject = certificate["subject"]
    assert isinstance(subject, tuple)
    return str(next(value for ((key, value),) in subject if key == "commonName"))


def row(pem: str) -> str:
    """The line of the README for a certificate."""
    certificate = decoded(pem)
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest().hex(":").upper()
    return f"| {common_name(certificate)} | {until:%Y-%m-%d} | `{fingerprint}` |"


def test_folder_has_roots_and_readme() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {"README.md", *(f"{r}.pem" for r in REGIONS)}
    assert "eu-west-1" in REGIONS


@pytest.mark.parametrize("region", REGIONS)
def test_region_has_three_roots(region: str) -> None:
    names = [common_name(decoded(pem)) for pem in certificates(FOLDER / f"{region}.pem")]
    assert names == [f"Amazon RDS {region} Root CA {a} G1" for a in ALGORITHMS]


@pytest.mark.parametrize("region", REGIONS)
def test_file_has_certificates_and_names(region: str) -> None:
    rest = CERTIFICATE.sub("", (FOLDER / f"{region}.pem").read_text(encoding="ascii"))
    assert rest == "".join(f"# Amazon RDS {region} Root CA {a} G1\n" for a in ALGORITHMS)


def test_readme_lists_roots() -> None:
    rows = [row(pem) for region in REGIONS for pem in certificates(FOLDER / f"{region}.pem")]
    listed = re.findall(r"^\| Amazon RDS .*$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert listed == rows


@pytest.mark.parametrize("region", REGIONS)
def test_root_is_self_signed(region: str) -> None:
    pems = certificates(FOLDER / f"{region}.pem")
    for pem, algorithm in zip(pems, ALGORITHMS, strict=True):
        certificate = x509.load_pem_x509_certificate(pem.encode())
        certificate.verify_directly_issued_by(certificate)
        key = certificate.public_key()
        assert isinstance(key, RSAPublicKey | EllipticCurvePublicKey)
        kind = "RSA" if isinstance(key, RSAPublicKey) else "ECC"
        assert f"{kind}{key.key_size}" == algorithm


def test_function_trusts_one_region() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=FOLDER / "eu-west-1.pem")
    assert len(context.get_ca_certs()) == 3
