"""Records: one file each, with its columns, its own arithmetic and its named queries."""

from app.models.alias import ThreadAlias
from app.models.author import Author
from app.models.comment import Comment, Status
from app.models.decision import Actor, Decision
from app.models.deferral import Deferral
from app.models.delivery import Delivery
from app.models.heartbeat import Heartbeat
from app.models.invitation import Invitation
from app.models.keep import KeptAlready, keep
from app.models.keyring import KeyPrint
from app.models.knowledge import Knowledge
from app.models.lease import Lease
from app.models.lesson import Lesson
from app.models.login import Login, LoginAttempt
from app.models.moderator import Membership, Moderator, Role
from app.models.note import Note
from app.models.rate_limit import Rate, RateLimit
from app.models.reason import Reason, reason_codes, reason_name
from app.models.report import Report
from app.models.revision import Revision
from app.models.rule import Effect, Rule, Subject
from app.models.shelf import Shelf, ShelfPage, Unshelved
from app.models.silence import Silence
from app.models.site import Site
from app.models.tally import Tallied, Tally
from app.models.thread import Thread

__all__ = [
    "Actor", "Author", "Comment", "Decision", "Deferral", "Delivery", "Effect", "Heartbeat", "Invitation",
    "KeptAlready", "KeyPrint", "Knowledge", "Lease", "Lesson", "Login", "LoginAttempt", "Membership", "Moderator",
    "Note", "Rate", "RateLimit", "Reason", "Report", "Revision", "Role", "Rule", "Shelf", "ShelfPage", "Silence",
    "Site", "Status", "Subject", "Tallied", "Tally", "Thread", "ThreadAlias", "Unshelved", "keep", "reason_codes",
    "reason_name",
]  # fmt: skip
