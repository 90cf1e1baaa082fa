"""The errors of the client. None contains the token."""

from typing import Any


class KaiwaError(Exception):
    """Base of all errors of the client."""


class NoAnswer(KaiwaError):
    """No complete answer came: the connection failed, the time limit passed, or a stream was broken off.

    A write may have been done.
    """


class Problem(KaiwaError):
    """The service refused the request (RFC 9457).

    `code` is stable, `title` is a sentence in the language of the client, `errors` has sentences by field.
    `details` is the whole answer, such as `current` of a conflict. `retry_after` is in seconds.
    """

    def __init__(self, status: int, details: dict[str, Any], retry_after: float | None = None) -> None:
        self.status, self.details, self.retry_after = status, details, retry_after
        self.code, self.title = str(details.get("code", "")), str(details.get("title", ""))
        errors = details.get("errors")
        self.errors: dict[str, list[str]] = errors if isinstance(errors, dict) else {}
        super().__init__(status, details, retry_after)

    def __str__(self) -> str:
        fields = f" ({', '.join(self.errors)})" if self.errors else ""
        return f"{self.status} {self.code or 'without a code'}: {self.title}{fields}"
