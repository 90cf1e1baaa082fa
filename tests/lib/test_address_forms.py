"""An email address is found in a text however it is written."""

import pytest

from app.lib import address_forms

ADDRESS = "Kelvin.Weiss@bücher.example"
WRITTEN = (
    "kelvin.weiss@bücher.example",
    "KELVIN.WEISS@BÜCHER.EXAMPLE",
    "\N{KELVIN SIGN}elvin.wei\N{LATIN SMALL LETTER SHARP S}@bu\N{COMBINING DIAERESIS}cher.example",
    "ｋｅｌｖｉｎ．ｗｅｉｓｓ＠ｂücher．ｅｘａｍｐｌｅ",
    "Kelvin.Weiss@xn--bcher-kva.example",
    "kelvin.weiss%40b%C3%BCcher.example",
    "kelvin.weiss%40xn--bcher-kva.example",
    "kelvin.weiss&#64;bücher.example",
    "kelvin.weiss&amp;#64;bücher.example",
    "kelvin\N{SOFT HYPHEN}.weiss@bücher.\N{ZERO WIDTH SPACE}example",
    "kelvin.weiss\N{SMALL COMMERCIAL AT}bücher.example",
)


@pytest.mark.parametrize("written", WRITTEN)
def test_the_address_is_found_and_taken_out_and_the_rest_stays(written: str) -> None:
    text = f"ＡＢ ß {written}、 and {written}!"
    assert address_forms.contains(text, ADDRESS)
    assert address_forms.without(text, ADDRESS, "…") == "ＡＢ ß …、 and …!"


@pytest.mark.parametrize("other", ["kelvin.weiss at bücher.example", "@", "someone@bücher.example", ""])
def test_other_texts_stay_as_they_are(other: str) -> None:
    assert not address_forms.contains(other, ADDRESS)
    assert address_forms.without(other, ADDRESS, "…") == other


def test_the_forms_are_those_that_may_be_stored() -> None:
    found = address_forms.forms_of("Me@Bücher.example")
    assert {"Me@bücher.example", "Me@xn--bcher-kva.example"} <= found
    assert address_forms.forms_of("me@[broken") == {"me@[broken"}
