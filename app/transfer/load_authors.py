"""Authors of imported comments: one for each email address, and for each account of the source program."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert

from app.database import new_ids
from app.extensions import db
from app.models import Author, Site, imported
from app.transfer.staging import StagedComment, Staging

# Comments of an account that are searched for one that an earlier run has imported.
SEARCHED = 20


@dataclass(frozen=True, slots=True)
class CleanComment:
    """A comment cleaned, rendered and cut to size."""

    name: str
    email: str
    website: str
    network: str
    body: str
    html: str
    renderer: int
    # For the spam filter: slots and label, if the comment teaches.
    example: tuple[Iterable[int], str] | None


Fresh = list[tuple[StagedComment, CleanComment]]


def authors_of(site: Site, source: str, staging: Staging, fresh: Fresh) -> list[int]:
    """An author id for each comment: by email address, else by account, else a new one."""
    indexes = [Author.index_of(site, clean.email) for _staged, clean in fresh]
    people = _people(fresh, [str(index or "") for index in indexes])
    ids = imported.authors(site, filter(None, indexes)) | _known(site, source, staging, fresh)
    new = {person: each for person, each in reversed(list(zip(people, fresh, strict=True))) if person not in ids}
    ids |= _create(site, new)
    found = [ids[person] for person in people]
    for id, (staged, _clean) in zip(found, fresh, strict=True):
        if staged.account:
            staging.keep_author(staged.account, id)
    return found


def _people(fresh: Fresh, indexes: list[str]) -> list[str]:
    """A key for the author of each comment; an account with an email address has the key of the address."""
    of_account = {staged.account: index for index, (staged, _clean) in zip(indexes, fresh, strict=True) if index}
    return [
        index or (staged.account and of_account.get(staged.account)) or _key(staged)
        for index, (staged, _clean) in zip(indexes, fresh, strict=True)
    ]


def _key(staged: StagedComment) -> str:
    return f"account {staged.account}" if staged.account else f"comment {staged.seq}"


def _known(site: Site, source: str, staging: Staging, fresh: Fresh) -> dict[str, int]:
    """Author ids of the accounts that this run or an earlier one has imported."""
    accounts = {staged.account for staged, _clean in fresh} - {""}
    found = staging.authors_of(accounts)
    comments = {id: each for each in accounts - found.keys() for id in staging.comments_of(each, SEARCHED)}
    if comments:
        for id, author_id in imported.authors_by_comment(site, source, comments).items():
            found.setdefault(comments[id], author_id)
    return {f"account {account}": id for account, id in found.items()}


def _create(site: Site, new: dict[str, tuple[StagedComment, CleanComment]]) -> dict[str, int]:
    ids = dict(zip(new, new_ids(Author, len(new)), strict=True))
    rows: list[dict[str, Any]] = [
        {
            "id": ids[person],
            "site_id": site.id,
            "name": clean.name,
            "email": clean.email,
            "email_index": person if clean.email else None,
            "website": clean.website,
            "created_at": staged.created_at,
        }
        for person, (staged, clean) in new.items()
    ]
    if rows:
        db.session.execute(insert(Author), rows)
    return ids
