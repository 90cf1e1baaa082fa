"""Details of a page that comments claim, and those of a merged thread."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Mapped


class WithClaims:
    """A part of `Thread`, which stores the details."""

    if TYPE_CHECKING:
        url: Mapped[str]
        title: Mapped[str]
        named_by: Mapped[int]
        started_at: Mapped[Any]

        @property
        def is_named(self) -> bool: ...

        def section_news(self, claimed: Mapping[str, str]) -> str: ...

    def news_in(self, claimed: Mapping[str, str]) -> dict[str, str] | None:
        """Page details that a comment claims and that differ from the confirmed ones; None without a claim."""
        known, claimed = {"url": self.url, "title": self.title}, {**claimed, "section": self.section_news(claimed)}
        news = {name: value for name, value in claimed.items() if value and value != known.get(name)}
        if self.started_at and not news.keys() & known.keys():
            news.pop("published", None)
        return news or None

    def missing_of(self, other: "WithClaims") -> dict[str, Any]:
        """Details of another thread, to be merged into this one, that this one lacks."""
        values: dict[str, Any] = {} if self.is_named else {"title": other.title, "named_by": other.named_by}
        return values if self.started_at else values | {"started_at": other.started_at}
