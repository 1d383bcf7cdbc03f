"""An authority of one's own for tests: certificates of a service and of administrators, made on the fly."""

import datetime as dt
import hashlib
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@dataclass(frozen=True)
class Pair:
    """A certificate with its key, PEM."""

    certificate: str
    key: str

    @property
    def fingerprint(self) -> str:
        """As `openssl x509 -fingerprint -sha256` prints it."""
        der = x509.load_pem_x509_certificate(self.certificate.encode()).public_bytes(
            serialization.Encoding.DER
        )
        return hashlib.sha256(der).hexdigest().upper()

    def write(self, folder: Path, name: str) -> tuple[str, str]:
        """The paths of both files; the key is its owner's alone."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_text(self.certificate)
        key.touch(0o600)
        key.write_text(self.key)
        return str(certificate), str(key)


@dataclass
class Authority:
    """Vouches for whom it is told to."""

    common: str = "tests"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def certificate(self) -> str:
        """Of the authority itself, PEM."""
        constraint = x509.BasicConstraints(ca=True, path_length=0)
        return _pem(self._builder(self.common, self.key, DAY)
                    .add_extension(constraint, critical=True).sign(self.key, hashes.SHA256()))  # fmt: skip

    def vouch(
        self,
        *emails: str,
        common: str = "somebody",
        names: tuple[str, ...] = (),
        lasts: dt.timedelta = DAY,
    ) -> Pair:
        """A certificate with these e-mails, these names of hosts, for 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = x509.SubjectAlternativeName(
            [
                *(x509.RFC822Name(email) for email in emails),
                *(x509.DNSName(name) for name in names),
                x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            ]
        )
        made = (
            self._builder(common, key, lasts)
            .add_extension(alternative, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Pair(_pem(made), private.decode())

    def _builder(
        self, common: str, key: ec.EllipticCurvePrivateKey, lasts: dt.timedelta
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_name(common))
            .issuer_name(_name(self.common))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 2 * DAY)
            .not_valid_after(NOW + lasts)
        )
