"""A client of Kaiwa's API (https://comments.example.org/api/v1/docs). It needs nothing but Python's library."""

from kaiwa_client.core import VERSION as __version__
from kaiwa_client.core import Core
from kaiwa_client.errors import KaiwaError, NoAnswer, Problem
from kaiwa_client.operations import Operations

__all__ = ["Kaiwa", "KaiwaError", "NoAnswer", "Problem", "__version__"]


class Kaiwa(Operations):
    """All operations of a service, by group: `Kaiwa(address, token).queue.show(lane=2)`.

    `timeout`: seconds for each attempt, and for each part of a stream. `retries`: further attempts after 429 and 503,
    and where no answer came, if sending the request again is safe. `language`: of sentences in answers.
    """

    def __init__(
        self,
        address: str,
        token: str = "",
        *,
        timeout: float = 30,
        retries: int = 4,
        language: str = "en",
        allow_http: bool = False,
    ) -> None:
        core = Core(address, token, timeout=timeout, retries=retries, language=language, allow_http=allow_http)
        super().__init__(core)
        self._core = core

    def once(self, key: str) -> Operations:
        """The operations with an Idempotency-Key of your own, for one write that a later run may repeat."""
        return Operations(self._core.keyed(key))

    def __repr__(self) -> str:
        return f"<Kaiwa {self._core._host}>"
