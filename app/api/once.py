"""Do a write with an Idempotency-Key once: the same request again gets the first answer.

https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header
"""

import hashlib
from collections.abc import Callable

from flask import Response, request
from flask_babel import gettext as _

from app.api.access import current_token
from app.database import deferred_commit, end_transaction, write_transaction
from app.errors import Refused
from app.forms.comment import request_key
from app.lib.secrets import Index, is_unreadable
from app.models.api_answer import ApiAnswer, digest_of, key_index

HEADER = {
    "Idempotency-Key": "The same key with the same request gets the first answer, for 24 hours; with another one 422"
}


class _Again(Exception):
    """Another request with this key was faster."""


def once(act: Callable[[], Response]) -> Response:
    """The response of `act`, or the stored one. Raises Refused (400; 422 for the key of another request).

    The answer is stored in the transaction of the write. What fails writes nothing, so a repeated request tries again.
    """
    if not (sent := request_key()):
        return act()
    token = current_token().id
    key, digest = key_index(token, sent), digest_of(_request())

    def claim() -> None:
        if not ApiAnswer.claim(token, key, digest):
            raise _Again

    if earlier := _first_answer(token, key, digest):
        return earlier
    try:
        with deferred_commit(claim):
            response = act()
            if response.status_code < 300:
                with write_transaction():
                    ApiAnswer.keep(token, key, response.status_code, response.get_data(as_text=True))
        return response
    except (_Again, Refused) as no:
        end_transaction()
        # The same request may have been faster, and this one refused for what that one has done.
        if earlier := _first_answer(token, key, digest):
            return earlier
        if isinstance(no, Refused):
            raise
        # Its answer was too long to keep: requests with such answers are recognised by what they do.
        return act()


def _first_answer(token: int, key: Index, digest: Index) -> Response | None:
    """The stored answer to the same request. Raises Refused if the key belongs to another one."""
    found = ApiAnswer.of(token, key)
    if found and not found.is_of(digest):
        said = _("This request was already sent with different content. Please send it again.")
        raise Refused("key_reused", said)
    return _stored(found) if found else None


def _request() -> bytes:
    """A hash of everything that the client chooses."""
    parts = request.method, request.full_path, request.mimetype
    return hashlib.sha256("\n".join(parts).encode() + b"\n\n" + request.get_data(cache=True)).digest()


def _stored(found: ApiAnswer) -> Response | None:
    if not found.body or is_unreadable(found.body):
        return None
    return Response(found.body, found.code, mimetype="application/json")
