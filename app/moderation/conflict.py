"""The conflict of two decisions on one comment."""

from flask_babel import gettext as _

from app.errors import Refused
from app.models import Comment, Decision


class AlreadyDecided(Refused):
    """Another decision was faster; `decision` is the newest one."""

    def __init__(self, comment: Comment):
        self.comment, self.decision = comment, Decision.newest_of(comment)
        super().__init__(
            "already_decided",
            _("This comment was updated since you opened it. Review it and try again."),
            status=409,
        )
