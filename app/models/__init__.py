"""Records: one file each, with its columns, its own arithmetic and its named queries."""

from app.models.author import Author
from app.models.comment import Comment, Status
from app.models.decision import Actor, Decision
from app.models.delivery import Delivery
from app.models.heartbeat import Heartbeat
from app.models.login import Login, LoginAttempt
from app.models.moderator import Membership, Moderator, Role
from app.models.revision import Revision
from app.models.site import Site
from app.models.thread import Thread

__all__ = [
    "Actor", "Author", "Comment", "Decision", "Delivery", "Heartbeat", "Login", "LoginAttempt", "Membership",
    "Moderator", "Revision", "Role", "Site", "Status", "Thread",
]  # fmt: skip
