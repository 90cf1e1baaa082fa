"""Compress answers: content negotiation and encoders."""

import gzip
from functools import lru_cache

import brotli
import zstandard

# Best first: brotli is smallest for our pages, and all browsers with zstd support it.
ENCODINGS = ("br", "zstd", "gzip")
PLAIN = ""
# Bytes; a smaller body fits into one packet anyway.
SMALLEST = 860


@lru_cache(maxsize=256)
def best_of(accepted: str) -> str:
    """The best encoding that an Accept-Encoding header allows (RFC 9110, 12.5.3), or PLAIN."""
    weights = dict(_weight(part) for part in accepted.lower().split(","))
    rest = weights.get("*", 0.0)
    return next((name for name in ENCODINGS if weights.get(name, rest) > 0), PLAIN)


def _weight(part: str) -> tuple[str, float]:
    name, _, parameter = part.partition(";")
    try:
        return name.strip(), float(parameter.strip().removeprefix("q=")) if parameter else 1.0
    except ValueError:
        return name.strip(), 0.0


def compress(body: bytes, encoding: str, *, lasting: bool = False) -> bytes:
    """`body` in one of ENCODINGS; `lasting` bodies at the highest level, about 40 ms."""
    if encoding == "br":
        return bytes(brotli.compress(body, quality=11 if lasting else 5))
    if encoding == "zstd":
        return zstandard.compress(body, 19 if lasting else 6)
    return gzip.compress(body, 9 if lasting else 6, mtime=0)
