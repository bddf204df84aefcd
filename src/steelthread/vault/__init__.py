"""Vault: a data key per subject outside the database, sealing, blind index, shredding."""

from steelthread.vault.keyring import Shredded, Vault, VaultStatus, open_vault, snapshot
from steelthread.vault.sealing import seal, unseal

__all__ = ["Shredded", "Vault", "VaultStatus", "open_vault", "seal", "snapshot", "unseal"]
