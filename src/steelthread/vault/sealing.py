"""Sealing: AES-256-GCM (NIST SP 800-38D) with a random nonce; the context is authenticated but not stored."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from steelthread.kit import Invalid

VERSION = b"\x01"
NONCE = 12


def seal(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """Return an envelope: version, nonce, ciphertext with tag."""
    nonce = os.urandom(NONCE)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, plaintext, context)


def unseal(key: bytes, envelope: bytes, context: bytes) -> bytes:
    """Open an envelope; Invalid when key or context is another one or a bit has changed."""
    envelope = bytes(envelope)
    if envelope[:1] != VERSION:
        raise Invalid("A sealed value has a version that this release does not know: use a newer release.")
    try:
        return AESGCM(key).decrypt(envelope[1 : 1 + NONCE], envelope[1 + NONCE :], context)
    except InvalidTag:
        raise Invalid("A sealed value does not open: it was changed, or belongs to another keyring.") from None
