"""The TLS certificate of an address: until when it is valid."""

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Thread

TIMEOUT = 2.0  # seconds, of each step
MOST_S = 3.0  # of all steps, also of looking up the name


@dataclass(frozen=True)
class Certificate:
    """`until` is None if there is no valid certificate; then `trouble` says why."""

    until: datetime | None
    trouble: str = ""


def certificate_of(host: str, port: int) -> Certificate:
    """Connect and verify it as a browser would."""
    found: list[Certificate] = []
    # Looking up a name has no time limit of its own.
    thread = Thread(target=lambda: found.append(_read(host, port)), daemon=True)
    thread.start()
    thread.join(MOST_S)
    return found[0] if found else Certificate(None, "no answer")


def _read(host: str, port: int) -> Certificate:
    try:
        with (
            socket.create_connection((host, port), timeout=TIMEOUT) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure,
        ):
            said = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as trouble:
        return Certificate(None, trouble.verify_message)
    except (OSError, ValueError) as trouble:
        return Certificate(None, str(trouble) or type(trouble).__name__)
    return Certificate(datetime.fromtimestamp(ssl.cert_time_to_seconds(str(said["notAfter"])), UTC))
