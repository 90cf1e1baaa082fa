"""Take out of a text what may not stand in a log: addresses, tokens, and what moves the reader's cursor."""

import re

LONGEST = 300  # characters of one value
LOOKED_AT = 1_000  # characters in which something is looked for: each pattern tries every letter as a beginning

EMAIL = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+")
IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)")
IPV6 = re.compile(r"(?<![\w:])(?=(?:[0-9a-fA-F]*:){2})[0-9a-fA-F:]{3,39}(?:\.\d+){0,3}(?![\w:])")
# Signatures, keys and hashes are long, without spaces, and of both letters and digits.
TOKEN = re.compile(r"(?=[\w.-]*\d)(?=[\w.-]*[A-Za-z])[A-Za-z0-9_.-]{24,}={0,2}")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def scrubbed(text: str) -> str:
    """Return the text without e-mail and network addresses, tokens and control characters, cut short."""
    if len(text) > LOOKED_AT:
        # Whole words: of half an address or token the patterns know nothing.
        text = text[:LOOKED_AT].rpartition(" ")[0]
    for pattern, instead in (
        (EMAIL, "(e-mail)"),
        (IPV6, "(address)"),
        (IPV4, "(address)"),
        (TOKEN, "(token)"),
    ):
        text = pattern.sub(instead, text)
    return CONTROL.sub(" ", text)[:LONGEST]
