"""The features that contributed most to a score."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from babel import Locale, UnknownLocaleError
from flask_babel import LazyString, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.spam.features import (
    MAX_WORDS,
    WORD,
    Example,
    Slots,
    fold,
    metadata_features,
    ngrams,
    slot,
    slots,
    word_features,
    wording,
)
from app.spam.filter import Filter

STRONGEST = 5
# Different words, in tenths of all.
VARIED = 6


@dataclass(frozen=True)
class Signal:
    """A feature: `weight` in log odds (positive: spam), and its number of examples."""

    kind: str
    text: str
    weight: float
    fine: int
    spam: int


def strongest(model: Filter, example: Example, count: int = STRONGEST) -> list[Signal]:
    """Features with the largest weights; none while untrained."""
    found = slots(example)
    signals = [
        signal for signal in (*_wording(model, example, found), *_metadata(model, example, found)) if signal.weight
    ]
    return sorted(signals, key=lambda signal: (-abs(signal.weight), signal.kind, signal.text))[:count]


def sentence(signal: Signal) -> str:
    what = named(signal)
    if signal.fine or signal.spam:
        return _(
            "%(what)s – in %(spam)d spam and %(fine)d approved comments", what=what, spam=signal.spam, fine=signal.fine
        )
    # An unknown word, scored by its n-grams.
    return (
        _("%(what)s – similar to words in spam", what=what)
        if signal.weight > 0
        else _("%(what)s – similar to words in approved comments", what=what)
    )


def _wording(model: Filter, example: Example, found: Slots) -> Iterator[Signal]:
    """Words and phrases; a word includes the n-grams that start in it."""
    folded = fold(wording(example.text))
    ngram_weights = _ngram_weights(model, folded, found)
    for kind, text in dict.fromkeys(word_features(folded)):
        place = slot(kind, text)
        weight = model.weight(place, "words", found) + (ngram_weights.get(text, 0.0) if kind == "word" else 0.0)
        yield Signal(kind, text, weight, *model.seen(place))


def _ngram_weights(model: Filter, folded: str, found: Slots) -> dict[str, float]:
    words = list(WORD.finditer(folded))[:MAX_WORDS]
    if not words:
        return {}
    starts = [word.start() for word in words]
    weights: dict[str, float] = {}
    places = {place: start for start, _end, place in ngrams(folded)}
    for place, start in places.items():
        word = words[max(bisect_right(starts, max(start, 0)) - 1, 0)][0]
        weights[word] = weights.get(word, 0.0) + model.weight(place, "ngrams", found)
    return weights


def _metadata(model: Filter, example: Example, found: Slots) -> Iterator[Signal]:
    text = wording(example.text)
    for kind, value in dict.fromkeys(metadata_features(example, text, fold(text))):
        place = slot(kind, value)
        yield Signal(kind, value, model.weight(place, "metadata", found), *model.seen(place))


def named(signal: Signal) -> str:
    name, said = NAMES[signal.kind]
    return str(name) % {"text": said(signal.text)}


def _same(text: str) -> str:
    return text


_SCRIPTS = {
    "latin": _l("Latin letters"),
    "kana": _l("Japanese kana"),
    "han": _l("Chinese characters"),
    "hangul": _l("Korean letters"),
    "cyrillic": _l("Cyrillic letters"),
    "greek": _l("Greek letters"),
    "arabic": _l("Arabic letters"),
    "hebrew": _l("Hebrew letters"),
    "devanagari": _l("Devanagari letters"),
    "thai": _l("Thai letters"),
    "none": _l("no letters"),
}


def _script(name: str) -> str:
    return str(_SCRIPTS.get(name, name))


def _script_and_language(text: str) -> str:
    script, _space, tag = text.partition(" ")
    try:
        language = Locale.parse(tag, sep="-").get_display_name(get_locale()) or tag
    except (ValueError, UnknownLocaleError):
        language = tag
    return _("%(script)s on a page in %(language)s", script=_script(script), language=language)


def _variety(tenths: str) -> str:
    return _("varied vocabulary") if int(tenths) >= VARIED else _("repeats the same words")


def _share(tenths: str) -> str:
    return f"{10 * int(tenths)} %"


def _range(doubling: str) -> str:
    power = int(doubling)
    return doubling if power < 2 else f"{1 << power - 1}–{(1 << power) - 1}"


def _yes_no(text: str) -> str:
    return _("yes") if text == "1" else _("no")


NAMES: dict[str, tuple[LazyString | str, Callable[[str], str]]] = {
    "word": (_l("word “%(text)s”"), _same),
    "phrase": (_l("words “%(text)s”"), _same),
    "host": (_l("link to %(text)s"), _same),
    "address": (_l("link to %(text)s"), _same),
    "ending": (_l("link to a .%(text)s address"), _same),
    "website": (_l("includes a website: %(text)s"), _yes_no),
    "name": (_l("name “%(text)s”"), _same),
    "name_word": (_l("“%(text)s” in the name"), _same),
    "number": (_l("contains a %(text)s-digit number"), _same),
    "script": (_l("written in %(text)s"), _script),
    "script_in": (_l("written in %(text)s"), _script_and_language),
    "disguise": (_l("look-alike letters: %(text)s"), _yes_no),
    "capitals": (_l("capital letters: about %(text)s"), _share),
    "digits": (_l("digits: about %(text)s"), _share),
    "marks": (_l("punctuation: about %(text)s"), _share),
    "variety": ("%(text)s", _variety),
    "length": (_l("length: %(text)s characters"), _range),
    "words": (_l("number of words: %(text)s"), _range),
    "symbols": (_l("symbols and emoji: %(text)s"), _range),
    "fancy": (_l("decorated letters: %(text)s"), _range),
    "invisible": (_l("hidden characters: %(text)s"), _range),
    "lines": (_l("line breaks: %(text)s"), _range),
    "links": (_l("links: %(text)s"), _range),
    "seconds": (_l("seconds from opening to posting: %(text)s"), _range),
    "approved": (_l("approved comments before: %(text)s"), _range),
    "rejected": (_l("rejected comments before: %(text)s"), _range),
}
