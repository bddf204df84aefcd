"""Vault: a data key per subject outside the database, sealing, blind index, shredding."""

from steelthread.vault.keyring import Reading, Shredded, Vault, VaultStatus, open_vault, snapshot
from steelthread.vault.sealing import seal, unseal

__all__ = ["Reading", "Shredded", "Vault", "VaultStatus", "open_vault", "seal", "snapshot", "unseal"]
