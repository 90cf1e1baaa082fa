"""Redact log texts: addresses, tokens, control characters."""

import re

LONGEST = 300  # characters of one value
SEARCHED = 1_000  # characters; each pattern is tried at each position

EMAIL = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+")
IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)")
IPV6 = re.compile(r"(?<![\w:])(?=(?:[0-9a-fA-F]*:){2})[0-9a-fA-F:]{3,39}(?:\.\d+){0,3}(?![\w:])")
# Signatures, keys and hashes: long, alphanumeric, without spaces.
TOKEN = re.compile(r"(?=[\w.-]*\d)(?=[\w.-]*[A-Za-z])[A-Za-z0-9_.-]{24,}={0,2}")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def scrubbed(text: str) -> str:
    """The text without email and network addresses, tokens and control characters, truncated."""
    if len(text) > SEARCHED:
        # Whole words: the patterns do not match half a token.
        text = text[:SEARCHED].rpartition(" ")[0]
    for pattern, instead in (
        (EMAIL, "(e-mail)"),
        (IPV6, "(address)"),
        (IPV4, "(address)"),
        (TOKEN, "(token)"),
    ):
        text = pattern.sub(instead, text)
    return CONTROL.sub(" ", text)[:LONGEST]
