"""Encrypt backups to public keys in the age format, which other programs read too (https://age-encryption.org/v1)."""

import os
from pathlib import Path

import pyrage

from app.operations.backup_error import BackupError

START = b"age-encryption.org/v1\n"
MOST_IDENTITY = 64 * 1024  # bytes


def is_encrypted(file: Path) -> bool:
    with file.open("rb") as handle:
        return handle.read(len(START)) == START


def new_identity(file: Path) -> str:
    """Write a new secret key to `file`, readable for its owner only; returns the public key. Raises BackupError."""
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as trouble:
        raise BackupError(f"Could not write {file}: {trouble.strerror}.") from trouble
    with os.fdopen(handle, "w") as written:
        written.write(f"# public key: {public}\n{identity}\n")
    return public


def encrypt(source: Path, target: Path, recipients: str) -> None:
    """Encrypt a file to comma-separated public keys. Raises BackupError."""
    try:
        keys = [pyrage.x25519.Recipient.from_str(each.strip()) for each in recipients.split(",")]
        pyrage.encrypt_file(str(source), str(target), keys)
    except (pyrage.RecipientError, pyrage.EncryptError) as trouble:
        raise BackupError(f"Could not encrypt the backup: {trouble}.") from trouble


def decrypt(source: Path, target: Path, identity: Path) -> None:
    """Decrypt a file with one of the secret keys in the file `identity`. Raises BackupError."""
    try:
        pyrage.decrypt_file(str(source), str(target), _identities(identity))
    except pyrage.DecryptError as trouble:
        raise BackupError(f"Could not decrypt {source} with {identity}: {trouble}.") from trouble


def _identities(file: Path) -> list[pyrage.x25519.Identity]:
    try:
        with file.open() as handle:
            lines = [line.strip() for line in handle.read(MOST_IDENTITY).splitlines()]
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError, pyrage.IdentityError) as trouble:
        raise BackupError(f"{file} has no secret key (AGE-SECRET-KEY-1...): {trouble}.") from trouble
    if not found:
        raise BackupError(f"{file} has no secret key (AGE-SECRET-KEY-1...).")
    return found
