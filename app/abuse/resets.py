"""Limit requests for a new password by the typed address and by network, the same for known and unknown addresses."""

from collections.abc import Iterator

from app.abuse.address import client, network, wide_network
from app.abuse.limits import too_many
from app.lib.mailbox import one_form
from app.lib.secrets import blind_index
from app.models import Rate, RateLimit
from app.models.site import WIDE_TIMES

# Emails to one address: a third party may be its owner.
PER_ADDRESS = Rate(3, 20 * 60)
A_DAY_PER_ADDRESS = Rate(8, 3 * 60 * 60)
PER_NETWORK = Rate(10, 6 * 60)
# The /48 around it in IPv6, which one customer may have whole.
PER_WIDE_NETWORK = Rate(PER_NETWORK.burst * WIDE_TIMES, PER_NETWORK.seconds / WIDE_TIMES)


def admit(email: str) -> None:
    """Count a request. Raises Refused (429)."""
    for subject, rate in _limits(email):
        if wait := RateLimit.take(subject, rate):
            raise too_many(wait)


def _limits(email: str) -> Iterator[tuple[str, Rate]]:
    near = network(client())
    yield blind_index("reset network", near), PER_NETWORK
    if wide := wide_network(near):
        yield blind_index("reset wide network", wide), PER_WIDE_NETWORK
    address = one_form(email).casefold()
    yield blind_index("reset address", address), PER_ADDRESS
    yield blind_index("reset address, a day", address), A_DAY_PER_ADDRESS
