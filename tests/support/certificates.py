"""Certificates for tests: an authority, and what it signs."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Signed:
    """A certificate and its key in PEM files."""

    certificate: str
    key: str


class Authority:
    """Signs certificates; its own is in `file`."""

    def __init__(self, folder: Path, name: str = "hospital") -> None:
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self.certificate = (
            self.built(name, self.key).add_extension(constraints, critical=True).sign(self.key, hashes.SHA256())
        )
        path = folder / f"{name}.pem"
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        self.file = str(path)

    def built(self, name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        """A certificate that is not yet signed."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - dt.timedelta(hours=1))
            .not_valid_after(NOW + dt.timedelta(days=1))
        )

    def signs(self, name: str, *, address: str = "127.0.0.1", host: str = "") -> Signed:
        """A certificate for this address, and this host."""
        key = ec.generate_private_key(ec.SECP256R1())
        shown = [x509.IPAddress(ipaddress.ip_address(address)), *([x509.DNSName(host)] if host else [])]
        names = x509.SubjectAlternativeName(shown)
        certificate = self.built(name, key).add_extension(names, critical=False).sign(self.key, hashes.SHA256())
        paths = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return Signed(str(paths[0]), str(paths[1]))

    def fingerprint(self, signed: Signed) -> str:
        """SHA-256 of a certificate, as openssl prints it."""
        digest = x509.load_pem_x509_certificate(Path(signed.certificate).read_bytes()).fingerprint(hashes.SHA256())
        return digest.hex(":").upper()

    def revokes(self, *signed: Signed, old: bool = False) -> str:
        """A revocation list (PEM) with these certificates; an old one is out of date."""
        now = NOW - dt.timedelta(days=30) if old else NOW
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        crl = x509.CertificateRevocationListBuilder().issuer_name(issuer).last_update(now - dt.timedelta(hours=1))
        crl = crl.next_update(now + dt.timedelta(days=1))
        for each in signed:
            number = x509.load_pem_x509_certificate(Path(each.certificate).read_bytes()).serial_number
            crl = crl.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
            )
        path = self.folder / f"{self.name}-{'old' if old else 'new'}.crl"
        path.write_bytes(crl.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return str(path)
