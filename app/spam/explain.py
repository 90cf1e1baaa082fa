"""The features that contributed most to a score, as reasons in words."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from babel import Locale, UnknownLocaleError
from flask_babel import LazyString, get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.lib.language import listed
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
from app.spam.telling import FAST, ONE, SEVERAL, SHORT, is_telling

# Stored signals of each direction, and words in one phrase.
KEPT_WORDS, KEPT_OTHERS = 4, 3
MOST_WORDS = 3


@dataclass(frozen=True)
class Signal:
    """A feature: `weight` in log odds (positive: spam), and its number of examples."""

    kind: str
    text: str
    weight: float
    fine: int
    spam: int


def strongest(model: Filter, example: Example, count: int | None = None, found: Slots | None = None) -> list[Signal]:
    """All features, or `count` of them, by weight; none while untrained. `found`: the example's slots, if known."""
    found = found or slots(example)
    signals = [
        signal for signal in (*_wording(model, example, found), *_metadata(model, example, found)) if signal.weight
    ]
    return sorted(signals, key=lambda signal: (-abs(signal.weight), signal.kind, signal.text))[:count]


def reasons(model: Filter, example: Example, slots_found: Slots | None = None) -> list[Signal]:
    """The strongest signals that a person would give as reasons, some of each direction."""
    found = [signal for signal in strongest(model, example, found=slots_found) if is_reason(signal)]
    linked = {part for each in found if each.kind == "host" for part in WORD.findall(each.text)} - {"."}
    found = [each for each in found if not _is_link_part(each, linked)]
    return [each for spam in (True, False) for each in _first([each for each in found if (each.weight > 0) == spam])]


def _first(signals: list[Signal]) -> Iterator[Signal]:
    """The first few words and the first few others, in order."""
    words = [signal for signal in signals if signal.kind in ("word", "phrase")]
    kept = {*words[:KEPT_WORDS], *[signal for signal in signals if signal not in words][:KEPT_OTHERS]}
    return (signal for signal in signals if signal in kept)


def _is_link_part(signal: Signal, linked: set[str]) -> bool:
    """True for words of a link, and for a whole link, whose host is a signal too."""
    if signal.kind == "address":
        return bool({*WORD.findall(signal.text)} & linked)
    return signal.kind in ("word", "phrase") and bool({*signal.text.split(" ")} & linked)


def is_reason(signal: Signal) -> bool:
    """True if a person would give it as a reason, and the examples support its direction."""
    spam = signal.weight > 0
    supported = signal.spam > signal.fine if spam else signal.fine > signal.spam
    return supported and is_telling(signal.kind, signal.text, spam=spam)


def grouped(signals: Sequence[Signal]) -> list[list[Signal]]:
    """Signals of one direction for `phrase`, the strongest first; the strongest words are one group."""
    words = [signal for signal in signals if signal.kind in ("word", "phrase")]
    single = {signal.text for signal in words if signal.kind == "word"}
    distinct = [each for each in words if each.kind == "word" or not single & {*each.text.split(" ")}]
    kept = [signal for signal in signals if signal not in words or signal in distinct]
    groups = [[signal] if signal not in words else distinct[:MOST_WORDS] for signal in kept]
    return [group for at, group in enumerate(groups) if group not in groups[:at]]


def phrase(group: Sequence[Signal]) -> str:
    """A group in words; of words, with the number of comments that they are from."""
    first = group[0]
    if first.kind not in ("word", "phrase"):
        return named(first)
    words = listed(signal.text for signal in group)
    count = max(signal.spam if first.weight > 0 else signal.fine for signal in group)
    if first.weight > 0:
        return ngettext("similar to %(num)d spam comment: %(words)s", "similar to %(num)d spam comments: %(words)s",
                        count, words=words)  # fmt: skip
    return ngettext("similar to %(num)d approved comment: %(words)s", "similar to %(num)d approved comments: %(words)s",
                    count, words=words)  # fmt: skip


def sentence(signal: Signal) -> str:
    """A signal with its numbers of examples."""
    numbers = [
        ngettext("%(num)d spam comment", "%(num)d spam comments", signal.spam) if signal.spam else "",
        ngettext("%(num)d approved comment", "%(num)d approved comments", signal.fine) if signal.fine else "",
    ]
    return _("%(what)s (%(numbers)s)", what=named(signal), numbers=listed(filter(None, numbers)))


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
    name = NAMES[signal.kind]
    return name(signal.text) if callable(name) else str(name) % {"text": signal.text}


SCRIPT_NAMES = {
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
}


def script_on_page(script: str, tag: str) -> str:
    """A script that is not the page's, such as Latin letters on a page in Japanese."""
    try:
        language = Locale.parse(tag, sep="-").get_display_name(get_locale()) or tag
    except (ValueError, UnknownLocaleError):
        language = tag
    name = str(SCRIPT_NAMES.get(script, _("letters of another script")))
    return _("%(script)s on a page in %(language)s", script=name, language=language)


def _script_in(text: str) -> str:
    script, _space, tag = text.partition(" ")
    return script_on_page(script, tag)


def _length(bits: str) -> str:
    return _("short text") if int(bits) <= SHORT else _("long text")


def _links(bits: str) -> str:
    if int(bits) == ONE:
        return _("a link")
    return _("several links") if int(bits) == SEVERAL else _("many links")


def _seconds(bits: str) -> str:
    return _("written within seconds") if int(bits) <= FAST else _("took time to write")


NAMES: dict[str, LazyString | Callable[[str], str]] = {
    "word": _l("“%(text)s”"),
    "phrase": _l("“%(text)s”"),
    "host": _l("link to %(text)s"),
    "address": _l("link to %(text)s"),
    "ending": _l("link to a .%(text)s address"),
    "website": _l("with a website"),
    "name": _l("name “%(text)s”"),
    "name_word": _l("“%(text)s” in the name"),
    "number": _l("long number"),
    "script_in": _script_in,
    "capitals": _l("many capital letters"),
    "digits": _l("many digits"),
    "variety": _l("repeats the same words"),
    "length": _length,
    "symbols": _l("many symbols or emoji"),
    "fancy": _l("decorated letters"),
    "invisible": _l("hidden characters"),
    "lines": _l("many line breaks"),
    "links": _links,
    "seconds": _seconds,
    "approved": _l("author approved before"),
    "rejected": _l("author rejected before"),
}
