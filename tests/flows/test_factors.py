"""Second factors in a real browser with its virtual authenticator: set-up, log-in, refusal, and without a script."""

from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from app.lib import one_time_codes
from tests.flows.people import assert_accessible
from tests.flows.test_desk import NewPage
from tests.services import Live

pytestmark = pytest.mark.flow
PHONE: dict[str, Any] = {"viewport": {"width": 375, "height": 800}, "locale": "ja", "color_scheme": "dark"}
OFFERED = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def live_settings() -> dict[str, str]:
    """Browsers have no passkeys on a numeric address."""
    return {"PUBLIC_URL": "http://localhost:PORT"}


class Device:
    """The virtual authenticator of a page (WebAuthn, 11)."""

    def __init__(self, page: Page):
        self.session: CDPSession = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable", {"enableUI": False})
        self.id = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": OFFERED})["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})[
            "credentials"
        ]
        return found

    def set_verified(self, verified: bool) -> None:
        self.session.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": verified})


def password_in(page: Page, live: Live, url: str) -> None:
    email, password = live.account
    page.goto(f"{url}/login")
    page.fill("[name=email]", email)
    page.fill("[name=password]", password)
    page.locator("form[action$='/login'] button").click()


def log_out(page: Page) -> None:
    page.locator("[data-me]").click()
    page.locator("form[action$='/logout'] button").click()


def assert_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert_accessible(page)


def test_a_moderator_logs_in_with_passkey_code_and_recovery_code(new_page: NewPage, live: Live) -> None:
    url = live.url.replace("127.0.0.1", "localhost")
    page = new_page(locale="en", viewport={"width": 1280, "height": 800})
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    device = Device(page)
    password_in(page, live, url)
    expect(page).to_have_url(f"{url}/moderate/")
    # A passkey.
    page.goto(f"{url}/account#factors")
    page.locator("#factors a[href$='/passkey']").click()
    # Its script is loaded then.
    page.wait_for_load_state("load")
    page.fill("[name=name]", "Laptop")
    page.keyboard.press("Enter")
    expect(page.locator(".codes code")).to_have_count(10)
    codes = page.locator(".codes code").all_text_contents()
    assert_fits(page)
    page.locator(".sheet a.button").click()
    expect(page.locator("#factors [data-passkey-id]")).to_contain_text("Laptop")
    assert len(device.credentials()) == 1 and device.credentials()[0]["rpId"] == "localhost"
    # A device that has one is not offered another.
    page.goto(f"{url}/account/factors/passkey")
    page.locator("[data-press]").click()
    expect(page.locator("[data-trouble]")).to_contain_text("has a passkey for this account already")
    # The passkey alone.
    log_out(page)
    expect(page.locator("[data-passkey]")).to_be_visible()
    page.wait_for_load_state("load")
    assert_fits(page)
    page.locator("[data-press]").click()
    expect(page).to_have_url(f"{url}/moderate/")
    # As the second step: first not verified, then verified.
    log_out(page)
    password_in(page, live, url)
    expect(page).to_have_url(f"{url}/login/factor?next=/moderate/")
    page.wait_for_load_state("load")
    device.set_verified(False)
    page.locator("[data-press]").click()
    expect(page.locator("[data-trouble]")).to_contain_text("No passkey was used")
    expect(page.locator("[data-passkey]")).to_have_attribute("aria-busy", "false")
    device.set_verified(True)
    page.locator("[data-press]").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{url}/moderate/")
    # On a phone without it, and without a script: a recovery code, then an app.
    phone = new_page(**PHONE, java_script_enabled=False)
    password_in(phone, live, url)
    phone.locator("[data-press]").click()
    expect(phone.get_by_role("alert").first).to_contain_text("JavaScript")
    phone.locator("details summary", has_text="リカバリーコード").click()
    phone.fill("[name=recovery]", codes[0].lower())
    phone.locator("details[open] [name=recovery]").press("Enter")
    expect(phone).to_have_url(f"{url}/moderate/")
    phone.goto(f"{url}/account#factors")
    phone.locator("form[action$='/factors/app'] button").click()
    secret = phone.locator("code.key").inner_text().replace(" ", "")
    phone.fill("[name=code]", one_time_codes.code_of(secret, now_step()))
    phone.locator("[name=code]").press("Enter")
    expect(phone).to_have_url(f"{url}/account#factors")
    # On a phone with a script: a code.
    scripted = new_page(**PHONE)
    password_in(scripted, live, url)
    assert_fits(scripted)
    scripted.fill("[name=code]", one_time_codes.code_of(secret, now_step() + 1))
    scripted.locator("[name=code]").press("Enter")
    expect(scripted).to_have_url(f"{url}/moderate/")
    scripted.goto(f"{url}/account#factors")
    assert_fits(scripted)
    assert not refused


def now_step() -> int:
    return int(one_time_codes.now().timestamp()) // one_time_codes.STEP_S
