"""Certificates for tests: an authority of the tests' own, and what it vouches for."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_NOW = datetime.now(UTC)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Vouches for domains."""

    def __init__(self, name="Test authority"):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self._identifier = identifier
        self.certificate = (
            self._begin(self._name, self._key.public_key(), 3650)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self):
        return self.certificate.public_bytes(Encoding.PEM)

    def _begin(self, subject, public_key, days, since=1):
        return (
            x509.CertificateBuilder()
            .subject_name(subject).issuer_name(self._name).public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_NOW - timedelta(days=since)).not_valid_after(_NOW + timedelta(days=days))
        )  # fmt: skip

    def revoke(self, *certificates, days=7, since=1):
        """Return a list of revocation, PEM."""
        made = (
            x509.CertificateRevocationListBuilder().issuer_name(self._name)
            .last_update(_NOW - timedelta(days=since)).next_update(_NOW + timedelta(days=days))
        )  # fmt: skip
        for one in certificates:
            serial = x509.load_pem_x509_certificate(one).serial_number
            made = made.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(_NOW - timedelta(hours=1))
                .build()
            )
        return made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def vouch(self, domain, days=30, kind="ec"):
        """Return the private key of a domain and its certificate, both PEM."""
        key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
        leaf = (
            self._begin(_name(domain), key.public_key(), days, since=60)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._identifier), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        return key, leaf.public_bytes(Encoding.PEM)


def pem_of(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
