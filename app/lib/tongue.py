"""The language that a short text is written in: by its script, and in Latin letters by its commonest words."""

from collections import Counter

import regex

READ = 1_000  # characters
# Scripts that one language uses, or nearly one; the first with a third of the letters is it.
BY_SCRIPT = (
    ("ja", regex.compile(r"[\p{Hiragana}\p{Katakana}]")),
    ("ko", regex.compile(r"\p{Hangul}")),
    ("zh", regex.compile(r"\p{Han}")),
    ("ru", regex.compile(r"\p{Cyrillic}")),
    ("ar", regex.compile(r"\p{Arabic}")),
    ("he", regex.compile(r"\p{Hebrew}")),
    ("el", regex.compile(r"\p{Greek}")),
    ("th", regex.compile(r"\p{Thai}")),
    ("hi", regex.compile(r"\p{Devanagari}")),
)
# Other languages of these scripts.
SHARED = {"zh": {"ja"}, "ru": {"uk", "bg", "sr", "be", "mk", "kk"}, "ar": {"fa", "ur"}, "hi": {"mr", "ne"}}
NOT_LATIN = {*(tag for tag, _letters in BY_SCRIPT), *(tag for tags in SHARED.values() for tag in tags)}
LATIN = regex.compile(r"\p{Latin}")
VIETNAMESE = regex.compile(r"[đơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]")
WORD = regex.compile(r"\p{Latin}+")
# Links are the same in every language.
LINK = regex.compile(r"(?:https?://|www\.)[^\s<>\"]{1,500}", regex.IGNORECASE)
# A third of the letters in another script decides, because Latin words are in every language.
SHARE = 3
# Words by which another language than the usual one must lead.
LEAD = 2
_WORDS = {
    "en": "the of and to is that it for you was are this with have not but they what your my just can about would",
    "de": "der die das und ist nicht ein eine ich sie mit auf für auch wie wir aber noch dem den sich zu von war",
    "fr": "le les des et est une pas que pour dans vous je qui sur avec ce mais nous au plus ne de du suis très ça",
    "es": "el los las una es por con para pero más como muy esta todo qué yo está se lo del hay mi gracias",
    "pt": "não uma os as do da em é um com para mais mas você isso muito ele foi está dos eu obrigado são",
    "it": "il di che non è un per una sono con mi ma ho gli della come anche questo ci più molto grazie le",
    "nl": "het een van dat niet op te zijn voor met ik je maar ook wel naar dit deze nog heb zo wat er",
    "id": "yang dan di ini itu dengan untuk tidak ada saya aku kamu dari juga bisa akan sudah nya gak banget lagi ke",
    "tr": "bir ve bu için çok ne ama da de değil var ben daha gibi ile kadar sen olarak mi",
    "pl": "nie to się jest że na jak co ale za tak już od do ma ich po dla może tylko",
    "vi": "và là của không có cho được người này một các với những mình rất nhưng thì",
    "sv": "och att det är inte som en på jag för med den har till av ett om vi men så",
}
LANGUAGES_OF: dict[str, list[str]] = {}
for _tag, _words in _WORDS.items():
    for _word in _words.split():
        LANGUAGES_OF.setdefault(_word, []).append(_tag)


def tongue(text: str, usual: str) -> str:
    """Tag of the text's language. In doubt `usual`, the site's; `latin` for Latin letters where that has others."""
    usual = usual.split("-")[0]
    text = LINK.sub(" ", text[:READ])
    latin = len(LATIN.findall(text))
    for tag, letters in BY_SCRIPT:
        if (count := len(letters.findall(text))) and count * SHARE >= latin:
            return usual if usual in SHARED.get(tag, ()) else tag
    return _of_latin(text.casefold(), "latin" if usual in NOT_LATIN else usual) if latin else usual


def _of_latin(text: str, usual: str) -> str:
    if VIETNAMESE.search(text):
        return "vi"
    counts = Counter(tag for word in WORD.findall(text) for tag in LANGUAGES_OF.get(word, ()))
    best = max(counts, key=lambda tag: (counts[tag], tag), default=usual)
    return best if counts[best] >= counts[usual] + LEAD else usual
