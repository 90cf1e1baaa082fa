"""Codes of authenticator apps, and the QR code of their secret."""

import base64
import re
from datetime import UTC, datetime, timedelta

import pytest
import segno

from app.lib import one_time_codes, qr_code

# RFC 6238, appendix B, with the last six of its eight digits.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    times = [datetime(2026, 11, 30, 9, 0, 0, tzinfo=UTC)]
    monkeypatch.setattr(one_time_codes, "now", lambda: times[0])
    return times


@pytest.mark.parametrize(("moment", "code"), VECTORS)
def test_codes_are_those_of_the_standard(clock: list[datetime], moment: int, code: str) -> None:
    clock[0] = datetime.fromtimestamp(moment, UTC)
    assert one_time_codes.step_of(SECRET, code) == moment // 30


def test_a_code_is_accepted_one_step_early_and_one_step_late(clock: list[datetime]) -> None:
    code = one_time_codes.code_of(SECRET, int(clock[0].timestamp()) // 30)
    begin = clock[0]
    for seconds, accepted in ((-31, False), (-30, True), (0, True), (59, True), (60, False)):
        clock[0] = begin + timedelta(seconds=seconds)
        assert (one_time_codes.step_of(SECRET, code) is not None) is accepted, seconds


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "-28708", "28708.", "２８７０８２1", "٢٨٧٠٨٢"])
def test_nothing_but_six_digits_is_a_code(clock: list[datetime], typed: str) -> None:
    clock[0] = datetime.fromtimestamp(59, UTC)
    assert one_time_codes.step_of(SECRET, typed) is None


@pytest.mark.parametrize("typed", [" 287 082 ", "２８７０８２"])
def test_a_code_may_have_spaces_and_full_width_digits(clock: list[datetime], typed: str) -> None:
    clock[0] = datetime.fromtimestamp(59, UTC)
    assert one_time_codes.step_of(SECRET, typed) == 1


def test_the_qr_code_draws_every_module_of_the_address() -> None:
    address = one_time_codes.address_of(SECRET, account="alice@moderators.example", service="Kaiwa")
    assert address.startswith("otpauth://totp/Kaiwa:alice") and f"secret={SECRET}" in address
    drawn = qr_code.draw(address)
    dark = set()
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", drawn.path):
        dark |= {(at, int(y)) for at in range(int(x), int(x) + int(width))}
    rows = list(segno.make_qr(address, error="m").matrix_iter(border=4))
    assert dark == {(x, y) for y, row in enumerate(rows) for x, module in enumerate(row) if module}
    assert drawn.size == len(rows) and re.fullmatch(r"[Mhvz0-9 -]+", drawn.path)
