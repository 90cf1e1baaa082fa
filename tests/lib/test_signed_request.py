"""Signatures have the form of Standard Webhooks, which receivers check with a library."""

from datetime import UTC, datetime

import pytest

from app.lib.signed_request import headers, is_secret, new_secret

# The example of the standard's libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_example_of_the_standard_has_its_signature() -> None:
    assert headers(ID, BODY, [SECRET], AT) == {
        "webhook-id": ID, "webhook-timestamp": "1614265330", "webhook-signature": SIGNATURE,
    }  # fmt: skip


def test_while_a_secret_is_replaced_both_sign() -> None:
    found = headers(ID, BODY, [new_secret(), SECRET], AT)["webhook-signature"].split(" ")
    assert len(found) == 2 and found[1] == SIGNATURE and found[0] != SIGNATURE


@pytest.mark.parametrize(
    "text", ["", "whsec_", "secret", "whsec_あ", "whsec_AAAA", f"whsec_{'A' * 88}", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
)
def test_a_text_of_another_form_is_no_secret(text: str) -> None:
    assert not is_secret(text)


def test_a_new_secret_is_one_and_differs_from_the_last() -> None:
    one, other = new_secret(), new_secret()
    assert is_secret(one) and is_secret(SECRET) and one != other
