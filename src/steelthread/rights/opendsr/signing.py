"""Signatures of OpenDSR: over the whole body, SHA-256, by the key of an X.509 certificate that an authority vouches for."""

import base64
import binascii
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from steelthread.kit import Forbidden, Invalid, now
from steelthread.rights.opendsr.configuration import OwnSide

_BEGIN = b"-----BEGIN X509 CRL-----"


class Signer:
    """Signs as a processor."""

    def __init__(self, folder: Path, own: OwnSide) -> None:
        self.domain = own.domain
        self.certificate = _read(folder / own.certificate)
        try:
            key = load_pem_private_key(_read(folder / own.key), None)
            leaf = x509.load_pem_x509_certificates(self.certificate)[0]
        except (ValueError, TypeError):
            raise Invalid(
                "opendsr.yaml: certificate and key of the processor are PEM files, the key without a password."
            ) from None
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or key.public_key() != leaf.public_key():
            raise Invalid(
                "opendsr.yaml: the key of the processor is RSA or of an elliptic curve, and that of its certificate."
            )
        if leaf.issuer == leaf.subject:
            raise Invalid(
                "opendsr.yaml: the certificate of the processor is self-signed; OpenDSR wants one of an authority."
            )
        self._key = key

    def sign(self, body: bytes) -> str:
        """Return the signature of a body, in base64."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            raw = self._key.sign(body, padding.PKCS1v15(), hashes.SHA256())
        else:
            raw = self._key.sign(body, ec.ECDSA(hashes.SHA256()))
        return base64.b64encode(raw).decode()


def trusted(chain: bytes, authorities: bytes, domain: str, revoked: bytes = b"") -> x509.Certificate:
    """Return the certificate of a domain; Forbidden unless it is in date, of this domain, and an authority vouches for it.

    With `revoked`, lists of revocation (CRLs, RFC 5280; PEM), none of the chain may stand on one of its issuer, each issuer
    must have one that it signed, and a list whose next update is overdue counts for nothing.
    """
    try:
        leaf, *between = x509.load_pem_x509_certificates(chain)
        store = Store(x509.load_pem_x509_certificates(authorities))
        path = PolicyBuilder().store(store).build_server_verifier(x509.DNSName(domain)).verify(leaf, between)
    except (ValueError, VerificationError):
        raise Forbidden(
            f"The certificate of {domain} is not trusted: out of date, of another domain, self-signed, or of an authority "
            "that opendsr.yaml does not name."
        ) from None
    if revoked:
        _not_revoked(path, revoked, domain)
    return leaf


def _not_revoked(path: Sequence[x509.Certificate], revoked: bytes, domain: str) -> None:
    """Raise Forbidden unless every certificate of a path, from the leaf up to the authority, is cleared by its issuer's list."""
    try:
        lists = [x509.load_pem_x509_crl(_BEGIN + one) for one in revoked.split(_BEGIN)[1:]]
    except ValueError:
        raise Invalid(
            f"The lists of revocation for {domain} are no CRLs in PEM: opendsr.yaml names the file."
        ) from None
    for one, issuer in pairwise(path):
        mine = [each for each in lists if each.issuer == issuer.subject and _in_force(each, issuer)]
        if not mine:
            raise Forbidden(
                f"No list of revocation in force speaks for the certificate of {domain}: fetch its authority's CRL anew."
            )
        if any(each.get_revoked_certificate_by_serial_number(one.serial_number) is not None for each in mine):
            raise Forbidden(f"The certificate of {domain} is not trusted: its authority revoked it.")


def _in_force(one: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key, moment = issuer.public_key(), now()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) or not one.is_signature_valid(key):
        return False
    return one.last_update_utc <= moment and one.next_update_utc is not None and moment < one.next_update_utc


def check(leaf: x509.Certificate, signature: str, body: bytes) -> None:
    """Raise Forbidden unless a body was signed with the key of a certificate."""
    key = leaf.public_key()
    try:
        raw = base64.b64decode("".join(signature.split()), validate=True)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(raw, body, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(raw, body, ec.ECDSA(hashes.SHA256()))
        else:
            raise _wrong()
    except (InvalidSignature, binascii.Error, ValueError):
        raise _wrong() from None


def _wrong() -> Forbidden:
    return Forbidden("The signature does not fit the body: nothing of it was taken.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise Invalid(f"{path} cannot be read: opendsr.yaml names it.") from None
