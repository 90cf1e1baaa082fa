"""Cover passages of a comment visibly, such as personal data.

The stored text itself changes: a label stands for the words, so that pages, feeds, API, search, emails, exports and
Akismet cannot contain them. The original is a revision, for moderators; it is restored by undo.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.lib import markup
from app.lib.clock import now
from app.lib.language import speaking
from app.models import Actor, Comment, Decision, Delivery, Moderator, Revision, Site, Status, insert_record
from app.models.decision import COVERED, UNCOVERED
from app.models.delivery import ANSWER, CORRECTION
from app.moderation import legal_hold
from app.moderation.conflict import AlreadyDecided
from app.notify import authors, events
from app.screening import house_checks
from app.spam import learning

COVERABLE = (Status.PENDING, Status.APPROVED)
# Places in one text: the label is longer than many words.
MOST_PLACES = 200


def label_of(site: Site) -> str:
    """What readers see instead of the words: in the site's language, with the badge of its staff."""
    staff = site.staff_badge
    with speaking(site.lang):
        if not staff or markup.MARK.search(staff):
            return _("[■ Hidden by the editors]")
        return _("[■ Hidden by %(staff)s]", staff=staff)


def covered_text(comment: Comment, words: Sequence[str]) -> str:
    """The text with each of the words covered, wherever they stand, in any case.

    Raises Refused (422) for words that are not there, or that would stay readable, such as across formatting.
    """
    labels = [label_of(comment.site), *_labels(Revision.with_covers(comment))]
    body, places = _without(comment.body, words, labels)
    if places > MOST_PLACES:
        raise Refused("too_many_places", _("These words stand in too many places. Select longer passages."), status=422)
    left = f"{body}\n{markup.plain(markup.render_clean(body))}"
    for label in labels:
        left = left.replace(label, "\n")
    for each in words:
        if not _places(comment.body, [each], labels):
            said = _("“%(words)s” is not in the comment. Copy the words as they are typed there.", words=each)
            raise Refused("not_there", said, status=422)
        if _contains(left, each):
            said = _("“%(words)s” would stay readable. Select the formatting around it as well.", words=each)
            raise Refused("readable", said, status=422)
    return body


def cover(comment: Comment, words: Sequence[str], *, seen: int, by: Moderator) -> Decision:
    """Cover these words and tell the author. Status, place in the queue and reports stay.

    Raises Refused (409, 422), and AlreadyDecided (409) if the comment is not as it was `seen`.
    """
    refuse_others(comment)
    _step(comment, seen)
    legal_hold.absorb([comment.id])
    body = covered_text(comment, words)
    kept = {"words": list(words), "label": label_of(comment.site), "version": comment.version}
    before = {"body": comment.body, "html": comment.html, "covered": kept | {"renderer": comment.renderer}}
    db.session.add(Revision(site_id=comment.site_id, comment_id=comment.id, **before))
    _write(comment, body, markup.render_clean(body), markup.RENDERER)
    comment.covered_at = now()
    db.session.flush()
    Revision.forget_between(comment)
    return _log(comment, by, reason=COVERED)


def undo(decision: Decision, *, by: Moderator) -> Decision:
    """Undo a cover: the original is the text again. Raises AlreadyDecided, and Refused (409) if it is erased."""
    comment = decision.comment
    before = next((each for each in Revision.with_covers(comment) if _version(each) == decision.version), None)
    return _restore(comment, before, seen=decision.version, by=by, undoes=decision)


def uncover(comment: Comment, *, seen: int, by: Moderator) -> Decision:
    """Take back the newest cover, also after other decisions. Raises AlreadyDecided, and Refused (409) after edits."""
    return _restore(comment, newest(comment), seen=seen, by=by)


def newest(comment: Comment) -> Revision | None:
    """The text before the newest cover, unless the author has changed the text since."""
    kept = Revision.with_covers(comment)
    if not kept or kept[-1].covered is None:
        return None
    before, covered = kept[-1], kept[-1].covered
    body, _places = _without(before.body, covered["words"], [covered["label"], *_labels(kept[:-1])])
    return before if body == comment.body else None


def _restore(
    comment: Comment, before: Revision | None, *, seen: int, by: Moderator, undoes: Decision | None = None
) -> Decision:
    if before is None or before.covered is None:
        raise Refused("original_gone", _("The original text is no longer stored, or was edited since."), status=409)
    refuse_others(comment)
    _step(comment, seen)
    _write(comment, before.body, before.html, before.covered["renderer"])
    others = (each.replaced_at for each in Revision.with_covers(comment) if each is not before)
    comment.covered_at = max(others, default=None)
    db.session.delete(before)
    db.session.flush()
    return _log(comment, by, reason=UNCOVERED, undoes=undoes)


def hid(decision: Decision, words: Sequence[str]) -> bool:
    """True if the decision covered exactly these words."""
    kept = Revision.with_covers(decision.comment)
    return any(
        each.covered and each.covered["words"] == list(words) for each in kept if _version(each) == decision.version
    )


def again(comment: Comment, body: str) -> str:
    """The author's new text, in which words that were covered before are covered; it is held in any case."""
    kept = Revision.with_covers(comment)
    for each in kept:
        if each.covered:
            text, places = _without(body, each.covered["words"], [each.covered["label"], *_labels(kept)])
            body = text if places <= MOST_PLACES else body
    return body


def refuse_others(comment: Comment) -> None:
    if comment.status not in COVERABLE or comment.emptied_at:
        raise Refused("not_coverable", _("Only pending and approved comments have text to cover."), status=409)


def _labels(kept: Sequence[Any]) -> list[str]:
    return [each.covered["label"] for each in kept]


def _version(before: Revision) -> int:
    return before.covered["version"] if before.covered else 0


def _without(body: str, words: Sequence[str], labels: Sequence[str]) -> tuple[str, int]:
    """The text with the first label for each of the words, and the number of places. Labels in it stay whole."""
    parts, end = [], 0
    places = _places(body, words, labels)
    for start, after in places:
        parts += [body[end:start], labels[0]]
        end = after
    return "".join([*parts, body[end:]]), len(places)


def _places(body: str, words: Sequence[str], labels: Sequence[str]) -> list[tuple[int, int]]:
    """Where the words stand, outside of labels. Words that overlap, also with a label, are one place."""
    kept = [match.span() for match in re.finditer("|".join(map(re.escape, labels)), body)]
    starts = [start for start, _end in kept]

    def is_in_label(start: int, end: int) -> bool:
        before = bisect_right(starts, start)
        return before > 0 and end <= kept[before - 1][1]

    found = [match.span() for each in words for match in re.finditer(re.escape(each), body, flags=re.IGNORECASE)]
    outside = [(*span, True) for span in found if not is_in_label(*span)]
    merged: list[tuple[int, int, bool]] = []
    for start, end, covers in sorted([*outside, *((*span, False) for span in kept)]):
        if merged and start < merged[-1][1]:
            first, last, covered = merged[-1]
            merged[-1] = first, max(last, end), covered or covers
        else:
            merged.append((start, end, covers))
    return [(start, end) for start, end, covers in merged if covers]


def _contains(text: str, words: str) -> bool:
    return re.search(re.escape(words), text, flags=re.IGNORECASE) is not None


def _step(comment: Comment, seen: int) -> None:
    if not comment.move_to(Status(comment.status), seen, lane=comment.lane):
        db.session.refresh(comment)
        raise AlreadyDecided(comment)
    db.session.refresh(comment, ("body", "html", "renderer"))


def _write(comment: Comment, body: str, html: str, renderer: int) -> None:
    """The keyed hashes and the cluster stay those of the original, so that it is recognised when it is sent again."""
    learning.forget(comment)
    comment.body, comment.html, comment.renderer = body, html, renderer
    comment.reasons = house_checks.found_again(comment.reasons, body)
    if comment.status == Status.APPROVED:
        comment.thread.changed()


def _log(comment: Comment, by: Moderator, *, reason: str, undoes: Decision | None = None) -> Decision:
    """Not `decide`: reports stay open, the author earns no trust, the queue keeps the comment."""
    Delivery.recall(comment.id, ANSWER, CORRECTION)
    decision = Decision(
        site_id=comment.site_id,
        comment=comment,
        comment_id=comment.id,
        from_status=comment.status,
        to_status=comment.status,
        version=comment.version,
        actor=Actor.MODERATOR,
        moderator=by,
        moderator_id=by.id,
        reason=reason,
        undoes_id=undoes.id if undoes else None,
    )
    learning.follow(decision)
    insert_record(decision)
    authors.notify(decision)
    events.edited(comment, reason)
    return decision
