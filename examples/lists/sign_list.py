"""Sign a list of words and domains for Kaiwa (docs/lists.md).

    python sign_list.py KEY_FILE SEQUENCE NAME < lines.txt > list.json

Each line is `word WORD` or `domain DOMAIN`. The key is made at the first call; keep it secret. Increase SEQUENCE with
each file. The public key and its fingerprint are printed on standard error.
"""

import base64
import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

DAYS = 30


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def load_key(file: Path) -> Ed25519PrivateKey:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
    return Ed25519PrivateKey.from_private_bytes(file.read_bytes())


def main(key_file: str, sequence: str, name: str) -> None:
    key = load_key(Path(key_file))
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}
    now = datetime.now(UTC).replace(microsecond=0)
    payload = {
        "format": "kaiwa-list",
        "version": 1,
        "id": jwk["x"],
        "name": name,
        "sequence": int(sequence),
        "issued": now.isoformat(),
        "expires": (now + timedelta(days=DAYS)).isoformat(),
        "entries": [dict([line.split(maxsplit=1)]) for line in sys.stdin.read().splitlines() if line.strip()],
    }
    header = {"alg": "Ed25519", "typ": "kaiwa-list", "jwk": jwk}
    signed = f"{b64(canonical(header))}.{b64(canonical(payload))}"
    protected, body = signed.split(".")
    print(json.dumps({"protected": protected, "payload": body, "signature": b64(key.sign(signed.encode()))}))
    print("Public key:", jwk["x"], file=sys.stderr)
    print("Fingerprint:", b64(hashlib.sha256(canonical(jwk)).digest()), file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
