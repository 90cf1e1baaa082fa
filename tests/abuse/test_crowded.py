"""A network over its limit: neighbours still post, by their own share or with a proof of work."""

import base64
import json

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.abuse import limits
from app.comments import admission
from app.forms.comment import CommentForm
from app.models import Comment, Site
from tests.abuse.test_work import challenge_in, solved
from tests.cast import Reader, a_site

LIMIT = 2


pytestmark = pytest.mark.usefixtures("cheap_challenges")


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, flood_per_address=LIMIT, flood_per_site=100_000)


def post(client: FlaskClient, number: int, peer: str = "192.0.2.1", **more: str) -> TestResponse:
    return Reader(client, f"R {number}", f"{number}@readers.example", peer=peer).post(f"post {number}", **more)


def fill(client: FlaskClient) -> TestResponse:
    """Use up the network's limit and return the refusal."""
    return [post(client, number) for number in range(100, 100 + LIMIT + 1)][-1]


def test_a_proof_lets_a_post_in_where_its_network_is_over_the_limit(client: FlaskClient, paper: Site) -> None:
    refused = fill(client)
    assert refused.status_code == 429 and "post 102" in refused.text and refused.headers["Retry-After"]
    proof = solved(challenge_in(refused))
    assert post(client, 1, "192.0.2.99", altcha=proof).status_code == 201
    assert post(client, 2, altcha=proof).status_code == 429, "it works once"
    assert post(client, 3, altcha="nonsense").status_code == 429
    assert post(client, 4, "198.51.100.1").status_code == 201, "another network needs none"


def test_a_proof_is_bound_to_its_network_site_and_purpose(
    client: FlaskClient, paper: Site, db_session: Session
) -> None:
    a_site(db_session, "other", flood_per_address=LIMIT, flood_per_site=100_000)
    proof = solved(challenge_in(fill(client)))
    for number in range(LIMIT):
        post(client, number, "198.51.100.1")
        Reader(client, f"O {number}", f"o{number}@readers.example", "other", peer="192.0.2.1").post(f"other {number}")
    assert post(client, 10, "198.51.100.1", altcha=proof).status_code == 429
    other = Reader(client, "Other", "o@readers.example", "other", peer="192.0.2.1")
    assert other.post("with a foreign proof", altcha=proof).status_code == 429
    given = json.loads(base64.b64decode(proof))
    given["challenge"]["parameters"]["data"]["for"] = "login"
    forged = base64.b64encode(json.dumps(given).encode()).decode()
    assert post(client, 11, altcha=forged).status_code == 429
    assert post(client, 12, altcha=proof).status_code == 201, "the real one is not spent by that"


def test_posts_by_proof_are_limited_and_get_harder(client: FlaskClient, paper: Site, db_session: Session) -> None:
    challenge, costs = challenge_in(fill(client)), []
    for number in range(LIMIT * admission.PROVEN_TIMES):
        assert challenge
        costs.append(challenge["parameters"]["cost"])
        assert post(client, number, altcha=solved(challenge)).status_code == 201
        challenge = challenge_in(post(client, 50 + number))
    assert challenge is None, "a farm that computes meets a wall"
    assert costs == sorted(costs) and costs[-1] > costs[0]
    assert db_session.query(Comment).count() == LIMIT * (1 + admission.PROVEN_TIMES)


def test_a_proof_does_not_publish_a_held_comment(client: FlaskClient, paper: Site, db_session: Session) -> None:
    proof = solved(challenge_in(fill(client)))
    paper.hold_all = True
    db_session.commit()
    assert post(client, 1, altcha=proof).status_code == 202


def test_a_post_that_is_not_stored_spends_no_proof(client: FlaskClient, paper: Site) -> None:
    proof = solved(challenge_in(fill(client)))
    assert post(client, 1, altcha=proof, parent="12345").status_code == 422
    assert post(client, 1, altcha=proof).status_code == 201


@pytest.mark.parametrize("proof", ["", "nonsense"])
def test_a_client_that_goes_on_without_a_proof_is_refused_before_any_work(
    client: FlaskClient, paper: Site, monkeypatch: pytest.MonkeyPatch, proof: str
) -> None:
    most = LIMIT * limits.TIMES["crowded"]
    answers = [post(client, number, altcha=proof) for number in range(LIMIT + most)]
    assert [answer.status_code for answer in answers] == [201] * LIMIT + [429] * most
    monkeypatch.setattr(CommentForm, "validate", lambda *_: pytest.fail("the form was read"))
    last = post(client, 99, altcha=proof)
    assert last.status_code == 429 and challenge_in(last) is None and last.headers["Retry-After"]


def test_a_refused_post_is_neither_rendered_nor_screened(
    client: FlaskClient, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(client)
    for name in ("app.comments.submit.run_checks", "app.lib.markup.render_clean"):
        monkeypatch.setattr(name, None)
    assert post(client, 1).status_code == 429


def test_one_client_leaves_room_for_its_neighbours(client: FlaskClient, paper: Site, db_session: Session) -> None:
    paper.flood_per_address = 12
    db_session.commit()
    greedy = [post(client, number).status_code for number in range(15)]
    assert greedy == [201] * 9 + [429] * 6
    neighbours = [post(client, 100 + number, f"192.0.2.{10 + number}").status_code for number in range(4)]
    assert neighbours == [201] * 3 + [429], "the network as a whole sends no more than its limit"
