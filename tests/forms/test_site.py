"""Settings of a site: the page has each of those that the command has."""

from app.forms.site import FIELDS, GROUPS


def test_every_setting_stands_on_the_page_once() -> None:
    shown = [name for _heading, labels in GROUPS for name in labels]
    assert sorted(shown) == sorted(FIELDS)
