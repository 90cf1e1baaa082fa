"""Final email headers: ASCII, folded, encoded words for text only.

Python's folding encodes long URLs, which breaks List-Unsubscribe, and decodes a typed "=?utf-8?q?...?=".
"""

import re
import textwrap
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from typing import Any
from urllib.parse import SplitResult

from app.lib.mailbox import on_the_wire

LINE = 76  # characters; RFC 5322, 2.1.1, and RFC 2047, 2, for encoded words
PLAIN = re.compile(r"[\x20-\x7e]*")
WORDS = re.compile(r"[A-Za-z0-9 ]+")


class RawPolicy(EmailPolicy):
    """Writes headers added by `put` unchanged, others as Python does."""

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        return (name, value) if isinstance(value, RawValue) else super().header_store_parse(name, value)

    def fold(self, name: str, value: Any) -> str:
        return f"{name}: {value}\r\n" if isinstance(value, RawValue) else super().fold(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("ascii")


class RawValue(str):
    """An encoded and folded value."""


POLICY = RawPolicy(**{name: getattr(SMTP, name) for name in ("linesep", "max_line_length", "utf8", "cte_type")})


def put(message: EmailMessage, name: str, value: str) -> None:
    """Add a final header. Raises ValueError for line ends and non-ASCII."""
    if not value.isascii() or re.search(r"\r\n(?![ \t])|(?<!\r)\n|\r(?!\n)|\0", value):
        raise ValueError(f"{name} is not a valid header")
    message[name] = RawValue(value)


def text(name: str, typed: str) -> str:
    """Typed text, folded at spaces or in encoded words."""
    if not PLAIN.fullmatch(typed) or "=?" in typed:
        return _encoded(name, typed)
    first = LINE - len(name) - 2
    lines = textwrap.wrap("x" * (LINE - first) + typed, LINE, break_long_words=False, break_on_hyphens=False)
    return "\r\n ".join(lines)[LINE - first :]


def mailbox(name: str, shown: str, address: str) -> str:
    """`shown <address>`. Raises ValueError for an address that cannot be encoded."""
    written = f"<{on_the_wire(address)}>"
    if not shown:
        return written
    phrase = _phrase(name, shown)
    last = len(phrase.rpartition("\r\n")[2])
    return phrase + ("\r\n " if last + len(written) > LINE - len(name) else " ") + written


def domain_of(url: SplitResult) -> str:
    """Host of a URL for a Message-ID (RFC 5322, 3.6.4; RFC 5321, 4.1.3)."""
    host = url.hostname or "localhost"
    return f"[IPv6:{host}]" if ":" in host else host


def _phrase(name: str, shown: str) -> str:
    if WORDS.fullmatch(shown):
        return shown
    if PLAIN.fullmatch(shown) and "=?" not in shown and len(shown) < LINE - len(name) - 4:
        return '"' + re.sub(r'(["\\])', r"\\\1", shown) + '"'
    return _encoded(name, shown)


def _encoded(name: str, typed: str) -> str:
    return Header(typed, "utf-8", maxlinelen=LINE - 1, header_name=name).encode(linesep="\r\n")
