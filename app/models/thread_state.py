"""The state of a thread: whether readers see its comments, can add some, and whether these wait for a moderator."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, update
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import db
from app.lib.clock import Moment, is_running, now
from app.models.site import Site


class State(StrEnum):
    OPEN = "open"
    CLOSED = "closed"  # readers see the comments and cannot add any
    HIDDEN = "hidden"  # readers see no comments and cannot add any
    HELD = "held"  # each new comment and each edit waits for a moderator


# States in which readers can comment.
ACCEPTING = (State.OPEN, State.HELD)
# From the mildest to the strictest.
STRICTNESS = (State.OPEN, State.HELD, State.CLOSED, State.HIDDEN)
# A hold that ends by itself ends within this time, whatever the clocks said.
LONGEST_HOLD = timedelta(days=7)


def stricter(*states: State) -> State:
    return max(states, key=STRICTNESS.index)


class WithState:
    """Columns and rules of the state, a part of `Thread`."""

    if TYPE_CHECKING:
        id: Mapped[int]
        version: Mapped[int]
        site: Mapped[Site]

    # State of its section, which can only make it stricter; set by app/moderation/sections.py.
    section_state: Mapped[str] = mapped_column(String(8), default=State.OPEN)
    # Set by app/moderation/articles.py only, and by imports for a new thread.
    state: Mapped[str] = mapped_column(String(8), default=State.OPEN)
    # End of a hold that was set for a while; None: it stays.
    held_until: Mapped[datetime | None] = mapped_column(Moment)
    # Start of `close_after_days`: publication of the page, or the first approved comment; restarted by opening a thread
    # that these days had closed.
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    reopened_at: Mapped[datetime | None] = mapped_column(Moment)

    @hybrid_property
    def visible(self) -> bool:
        # Both conditions also as SQL.
        return (self.state != State.HIDDEN) & (self.section_state != State.HIDDEN)

    def accepts_comments(self) -> bool:
        states = {self.state, self.section_state}
        return states.issubset(ACCEPTING) and self.site.open and not self.is_too_old()

    def holds_everything(self) -> bool:
        return self.section_state == State.HELD or self._is_held()

    def _is_held(self) -> bool:
        return self.state == State.HELD and (self.held_until is None or is_running(self.held_until, LONGEST_HOLD))

    def is_too_old(self) -> bool:
        """True if `close_after_days` are over."""
        days, start = self.site.close_after_days, self.reopened_at or self.started_at
        return days > 0 and start is not None and now() - start > timedelta(days=days)

    @property
    def state_now(self) -> State:
        """The state that readers meet: a hold may be over, and section or settings of the site may be stricter."""
        if not self.visible:
            return State.HIDDEN
        if not self.accepts_comments():
            return State.CLOSED
        return State.HELD if self.holds_everything() else State.OPEN

    def put_into(self, state: State, *, until: datetime | None = None) -> None:
        """Write the state. The caller holds the row's lock."""
        values: dict[str, Any] = {"state": state, "held_until": until}
        if state in ACCEPTING and self.is_too_old():
            values["reopened_at"] = now()
        kind = type(self)
        rows_changed(update(kind).where(kind.id == self.id).values(**values, version=kind.version + 1))
        db.session.refresh(self, (*values, "version"))

    def lock(self) -> None:
        """Reload the thread and lock it until the transaction ends."""
        db.session.refresh(self, with_for_update={"of": type(self)})
