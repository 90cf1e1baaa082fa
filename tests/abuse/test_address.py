"""The client address: the peer, unless a trusted proxy forwards another one; limits count networks, not addresses."""

import ipaddress

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models import Site
from app.models.site import WIDE_TIMES
from tests.cast import Reader, a_site

LIMIT = 3
TORTURE_POSTS = 10_000


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, flood_per_address=LIMIT, flood_per_site=100_000)


def say(client: FlaskClient, number: int, peer: str, headers: dict[str, str] | None = None) -> int:
    reader = Reader(client, f"Reader {number}", f"r{number}@readers.example", peer=peer)
    return reader.post(f"flood {number}", headers=headers).status_code


def made_up(number: int) -> dict[str, str]:
    address = f"203.{number // 250 % 250}.{number % 250}.7"
    return {
        "X-Forwarded-For": f"{address}, 198.51.{number % 250}.9",
        "X-Real-IP": address,
        "Forwarded": f"for={address}",
        "True-Client-IP": address,
        "CF-Connecting-IP": address,
        "X-Client-IP": address,
    }


def forges(client: FlaskClient, posts: int) -> list[int]:
    return [say(client, number, "192.0.2.1", made_up(number)) for number in range(posts)]


def hops(client: FlaskClient, network: str, posts: int) -> list[int]:
    """Posts from many addresses, spread over one network."""
    within = ipaddress.IPv6Network(network)
    step = within.num_addresses // posts
    return [say(client, number, str(within[number * step])) for number in range(posts)]


def test_made_up_proxies_do_not_get_past_the_limit(client: FlaskClient, paper: Site) -> None:
    assert forges(client, 8) == [201] * LIMIT + [429] * 5


@pytest.mark.torture
def test_ten_thousand_made_up_proxies_do_not_get_past_the_limit(client: FlaskClient, paper: Site) -> None:
    without = hops(client, "2001:db8:ffff::/64", 8).count(201)
    answers = forges(client, TORTURE_POSTS)
    print(f"{TORTURE_POSTS} posts with made-up proxies: {answers.count(201)} taken in each minute, {without} without")
    # A slow machine needs more than one minute for them.
    assert answers[: LIMIT + 5].count(201) == LIMIT == without
    assert set(answers) == {201, 429}


@pytest.mark.parametrize("network", ["2001:db8:1:2::/64", "2001:db8:1:200::/56"])
def test_addresses_of_one_network_are_one_sender(client: FlaskClient, paper: Site, network: str) -> None:
    assert hops(client, network, 8) == [201] * LIMIT + [429] * 5


def test_a_wide_network_is_counted_too_but_more_patiently(client: FlaskClient, paper: Site) -> None:
    allowed = LIMIT * WIDE_TIMES
    assert hops(client, "2001:db8:7::/48", allowed + 4) == [201] * allowed + [429] * 4
    assert say(client, 99, "2001:db8:8::1") == 201, "the neighbour may still write"


@pytest.mark.torture
def test_ten_thousand_hops_within_a_network_are_one_sender(client: FlaskClient, paper: Site) -> None:
    answers = hops(client, "2001:db8:1:2::/64", TORTURE_POSTS)
    assert answers[: LIMIT + 5].count(201) == LIMIT
    assert set(answers) == {201, 429}


def test_an_address_is_the_same_however_it_is_written(client: FlaskClient, paper: Site) -> None:
    written = ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201", "192.0.2.250"]
    assert [say(client, number, address) for number, address in enumerate(written)] == [201, 201, 201, 429]


def test_our_own_proxy_is_believed_about_its_peer_and_about_nothing_before(
    app: Flask, client: FlaskClient, paper: Site
) -> None:
    app.config["TRUSTED_PROXIES"] = [ipaddress.ip_network("10.0.0.0/8")]
    one_reader = [
        say(client, number, "10.0.0.1", {"X-Forwarded-For": f"203.0.{number}.1, 192.0.2.77, 10.0.0.2"})
        for number in range(LIMIT + 2)
    ]
    assert one_reader == [201] * LIMIT + [429] * 2
    others = [
        say(client, 50 + number, "10.0.0.1", {"X-Forwarded-For": f"192.0.2.77, 198.51.{number}.1"})
        for number in range(LIMIT + 2)
    ]
    assert others == [201] * (LIMIT + 2)
    unsaid = [say(client, 90 + number, "10.0.0.1", {"X-Real-IP": f"198.51.{number}.1"}) for number in range(LIMIT + 2)]
    assert unsaid == [201] * LIMIT + [429] * 2
