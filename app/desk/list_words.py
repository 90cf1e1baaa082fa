"""Why a shared list cannot be used, and why single lines of it are not, in words that say what to do."""

from typing import Any

from flask_babel import lazy_gettext as _l

TROUBLES: dict[str, Any] = {
    "unreachable": _l("The publisher’s server does not answer. Check the address, or try again later."),
    "status": _l("There is no list at this address. Ask the publisher for the current address."),
    "too_large": _l("The file is larger than 2 MiB. Ask the publisher for a shorter list."),
    "too_many_lines": _l("The list has more than 5,000 lines. Ask the publisher for a shorter one."),
    "malformed": _l("This file is not a signed list. Check the address: it usually ends with .json."),
    "key": _l(
        "The list is signed with another key, which the known one does not confirm. Ask the publisher over another "
        "channel whether the key was replaced, and compare the fingerprint of the new one."
    ),
    "signature": _l("The signature is wrong: the file was changed on its way. Try again later, or tell the publisher."),
    "expired": _l(
        "The list has expired: its publisher has not renewed it. Ask the publisher, or undo the subscription."
    ),
    "future": _l("The list was issued in the future. The clock of the publisher or of this server is wrong."),
    "older": _l("The file is older than the one in use. It is refused, because old files can be played back."),
    "replayed": _l("The file has the number of the one in use, but other content. Tell the publisher."),
    "another_list": _l("There is another list at this address now. If that is intended, undo and subscribe again."),
}
REFUSED: dict[str, Any] = {
    "unknown": _l("not a word or a domain, or with an invalid date"),
    "expired": _l("expired"),
    "unreadable": _l("not readable, too long, or with hidden characters"),
    "person": _l("could be about a person: an email address, a number, a network or a name"),
    "suffix": _l("a public suffix such as com or co.jp, which would hold nearly every link"),
    "own": _l("in the name or the address of this site, or in every address"),
    "broad": _l("too short, or in nearly every text"),
    "full": _l("more lines than this site can use"),
    "kept": _l("kept private by a moderator"),
}


def trouble_in_words(code: str) -> str:
    return str(TROUBLES[code])


def refused_in_words(code: str) -> str:
    return str(REFUSED[code])
