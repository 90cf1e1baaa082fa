"""CSV for spreadsheets; values that look like formulas get an apostrophe."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

# OWASP, "CSV Injection"; Excel accepts the full-width forms of Japanese keyboards too.
FORMULA = tuple("=+-@\t\r\n|%＝＋－＠")

# Some programs skip these characters first.
UNSEEN = re.compile(r"^[ \xa0\xad\u2000-\u200f\u2060\u3000\ufeff\x01-\x08\x0b-\x1f]+")


def line(values: Iterable[Any]) -> str:
    """One line of CSV (RFC 4180), every value quoted."""
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow([_harmless(value) for value in values])
    return buffer.getvalue()


def header(names: Sequence[str]) -> str:
    """The first line, with a byte order mark, so that Excel reads UTF-8."""
    return "\ufeff" + line(names)


def _harmless(value: Any) -> Any:
    text = "" if value is None else str(value).replace("\0", "")
    return f"'{text}" if text.startswith(FORMULA) or UNSEEN.sub("", text).startswith(FORMULA) else text
