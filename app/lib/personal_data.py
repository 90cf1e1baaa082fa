"""Find telephone numbers, postal addresses, My Numbers and email addresses in a text, in Japanese and English.

Every function returns the passages as typed, in their order. Digits and signs may be of any width. Repetitions in the
patterns are bounded, so the time is linear.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

# Signs that are typed between digits; a 1:1 translation, so that positions stay.
_HYPHENS = dict.fromkeys(map(ord, "‐‑‒–—―−ー－ｰ⁃─━〜～"), "-")
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2000\u2001\u2002\u2003\u2007\u2009\u202f\u3000\t"), " ")
_SIGNS = _HYPHENS | _SPACES | {ord("．"): ".", ord("・"): ".", ord("＠"): "@", ord("﹫"): "@", ord("＋"): "+"}
_WIDE = {at: chr(at - 0xFEE0) for at in range(0xFF01, 0xFF5F)}
_FOLDED = _WIDE | _SIGNS
KANJI_DIGITS = {ord(kanji): str(digit) for digit, kanji in enumerate("〇一二三四五六七八九")} | {ord("零"): "0"}

# A number in a text, not part of a longer one, of a word, a price or a URL.
_BEFORE, _AFTER = r"(?<![\dA-Za-z@/=_%#¥$€£.,-])", r"(?![\dA-Za-z@=_%]|[-.,]\d)"
_GAP = r"[ .-]{0,2}"
# Beside a telephone number there may be another one, a word for it, or a comma that groups no thousands.
_PHONE_WORDS = ("tel", "fax", "phone", "cell", "mobile", "no", "電話", "携帯", "番号")
_AFTER_WORD = "|".join(f"(?<={word})|(?<={word}[.=/_#-])" for word in _PHONE_WORDS)
_NO_URL = r"(?<![?&]tel=)(?<![?&]phone=)"
_BEFORE_PHONE = rf"(?:{_BEFORE}|(?i:(?:{_AFTER_WORD}){_NO_URL})|(?<=[^\d.],)|(?<=\d{{4}},)|(?<=-\d{{4}}/)|(?<=[^ -~]/))"
_AFTER_PHONE = r"(?!\d|(?!(?i:tel|fax|ext|x\d|call|text|or|and|please))[A-Za-z]|[@=_%]|[-.]\d|,\d{3}(?!\d))"
PHONE = re.compile(
    rf"""{_BEFORE_PHONE}(?:
        0\d{{1,4}}[ .(-]{{1,3}}\d{{1,4}}[ .)-]{{1,3}}\d{{3,4}}              # Japan: 03-1234-5678, 03(1234)5678
        | \(0\d{{1,4}}\)[ .-]{{0,2}}\d{{1,4}}[ .-]{{1,3}}\d{{3,4}}
        | 0[5-9]0(?:\W{{1,3}}|[の_])\d{{4}}(?:\W{{1,3}}|[の_])\d{{4}}  # mobile ones, with any signs, in several lines
        | 0[ .-][5-9][ .-]0(?:[ .-]\d){{8}}(?![ .-]\d)
        | 0[5-9]0\d{{8}} | 0[1-9]\d{{8}} | 0[1-37]\d{{9}}                  # without signs
        | \(?0\d{{2,4}}\)?[ -]\d{{6,7}}                                     # United Kingdom: 020 79460958
        | (?:00)?81[ -](?:\(0\))?\d{{1,4}}[ -]\d{{1,4}}[ -]\d{{4}}
        | (?:\+|(?:00|011[ -])(?=[1-9]\d{{0,2}}[ .-]))                      # international
          \d{{1,3}}{_GAP}(?:\(0\)[ ]?)?\(?\d{{1,4}}\)?(?:{_GAP}\d{{2,5}}){{1,4}}
        | (?:1[ .-]?)?(?:\([2-9]\d{{2}}\)[ ]?|[2-9]\d{{2}}[ .-])[2-9]\d{{2}}[ .-]\d{{4}}  # North America
    ){_AFTER_PHONE}""",
    re.VERBOSE,
)
# North America without signs, which is any number: only after a word.
BARE_PHONE = re.compile(rf"{_BEFORE}1?[2-9]\d{{2}}[2-9]\d{{6}}{_AFTER}")
CALL = re.compile(r"call|text|phone|tel|cell|mobile|whats ?app|dial|ring|my number|電話|携帯", re.IGNORECASE)
FEWEST_DIGITS, MOST_DIGITS = 10, 15
# Numbers of books and orders look alike.
NO_PHONE = re.compile(
    r"(?:(?<![a-z])(?:isbn|issn|doi|(?-i:JAN)|(?:order|item)(?: number)?|(?<!tel)(?<!tel )(?<!phone )(?<!電話)no\.?)"
    r"|注文番号|受付番号|型番|品番|№|#)[^\S\n]{0,2}[:：]?[^\S\n]{0,2}\Z",
    re.IGNORECASE,
)

MY_NUMBER = re.compile(rf"{_BEFORE}(?<!\d[ ])(?:\d{{4}}([ .\n-]|[ ]-[ ])\d{{4}}\1\d{{4}}|\d{{12}}){_AFTER}(?![ -]\d)")
MY_NUMBER_WORDS = re.compile(r"マイナンバー|個人番号|my ?number|individual number", re.IGNORECASE)
NEAR = 30  # characters in which a word about the number is looked for
# Years and round figures in a row, or a date with its time.
NO_MY_NUMBER = re.compile(
    r"(?:(?:19|20)\d\d|\d\d00)([ .-]|[ ]-[ ])(?:(?:19|20)\d\d|\d\d00)\1(?:(?:19|20)\d\d|\d\d00)"
    r"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d"
)

_LOCAL = r"[A-Za-z0-9._+~-]{1,64}"
_LABEL, _ENDINGS = r"[A-Za-z0-9-]{1,63}", "com|net|org|info|biz|jp|uk|us|de|fr|io|me|co|edu|gov|dev|app|xyz"
_ENDINGS += "|ca|au|nz|ie|eu|it|es|nl|be|ch|at|se|no|fi|dk|pl|ru|kr|cn|tw|hk|sg|in|br|mx|tv|cc|shop|site|tokyo|blog"
_FREE = "gmail|googlemail|yahoo|hotmail|outlook|icloud|live|aol|protonmail|proton|gmx|docomo|ezweb|softbank"
_OPEN, _CLOSE = r"[ ]{0,2}[\[({<【〔「『]{1,2}[ ]{0,2}", r"[ ]{0,2}[\])}>】〕」』]{1,2}[ ]{0,2}"
# The sign of long vowels has become a hyphen.
_KANA_AT, _KANA_DOT = "(?:アット(?:マ-ク)?|あっと(?:ま-く)?)", "(?:ドット|どっと)"
# Words before "at" that are no address: "look at example dot com".
_NO_LOCAL = (
    "me|us|you|him|them|it|look|looking|found|find|is|are|was|shop|shopping|here|available|buy|bought|sale|only|live|more|this"
    "|online|site|visit|app|now|and|price|order|stay|see|read|join|work|worked|working|stuff|one|out|up"
)
EMAIL = re.compile(rf"(?<![@\w.+~-]){_LOCAL}@(?:[A-Za-z0-9-]{{1,63}}\.){{1,6}}[A-Za-z0-9-]{{2,63}}(?![\w@-])", re.ASCII)
NO_LOCAL = re.compile(rf"(?:{_NO_LOCAL})[ _-]", re.IGNORECASE)
SPELT_EMAIL = re.compile(
    rf"""(?<![@A-Za-z0-9.+~_-])(?=[A-Za-z0-9._+~-]{{0,63}}[A-Za-z])[A-Za-z0-9._+~-]{{2,64}}(?:
        {_OPEN}(?:at|@|{_KANA_AT}){_CLOSE}
            (?:{_LABEL}(?:[.]|{_OPEN}(?:dot|[.]|{_KANA_DOT}){_CLOSE}|[ ]{{1,2}}(?:dot|{_KANA_DOT})[ ]{{1,2}})){{1,4}}
        | [ ]{{0,2}}(?:{_KANA_AT}|[☆★■▲◎♪●◆◇▼△□○])[ ]{{0,2}}(?:{_LABEL}[ ]{{0,2}}(?:[.]|{_KANA_DOT})[ ]{{0,2}}){{1,4}}
        | [ ]at[ ](?:(?:{_LABEL}[ ]dot[ ]){{1,4}}|(?:{_FREE})[.](?:(?:co|ne)[.])?)
        | [_-](?:at|atmark)[_-](?:{_LABEL}(?:[.]|[_-]dot[_-])){{1,4}}
        | [ ]{{0,2}}@[ ]{{0,2}}(?:{_LABEL}[ ]{{0,2}}[.][ ]{{0,2}}){{1,4}}
    )(?:{_ENDINGS})(?![A-Za-z0-9])""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)

_NUMBER = r"[0-9一二三四五六七八九十〇百]{1,4}"
_PREFECTURES = (
    "(?:北海道|東京都|大阪府|京都府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|新潟|富山|石川|福井|山梨"
    "|長野|岐阜|静岡|愛知|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|徳島|香川|愛媛|高知|福岡|佐賀|長崎|熊本|大分|宮崎"
    "|鹿児島|沖縄)県)"
)
_KANJI = "[一-龥々〆ヶケァ-ヴー]"
# Characters of place names; the particles that these rarely contain end a name.
_PLACE = (
    r"(?:[一-龥々〆ヶケァ-ヴーA-Za-z]|[ぁ-ん](?<![のはをにでもへ])|の(?=[一-龥])(?![一二三四五六七八九十])"
    r"|[0-9]{1,2}条)"
)
# Counters: "2-3 shops in the city" is no house number.
_NO_COUNTER = r"(?![\d-]|[ ]?[か個カヶケ軒人倍日時分秒回点本社店万億千円%件台名年月度歳位勝敗引])"
# House numbers that need only a town before them.
_HOUSE = (
    rf"(?:{_NUMBER}丁目[ ]?{_NUMBER}(?:番地?|号|[-の]{_NUMBER}|{_NO_COUNTER})"
    rf"|{_NUMBER}番地|{_NUMBER}番[ ]?{_NUMBER}号|[0-9]{{1,5}}-[0-9]{{1,4}}-[0-9]{{1,4}}{_NO_COUNTER}"
    rf"|(?<![法令条例則項章])[0-9]{{1,5}}の[0-9]{{1,4}}の[0-9]{{1,4}}{_NO_COUNTER})"
)
_TWO_NUMBERS = rf"[0-9]{{1,5}}-[0-9]{{1,4}}{_NO_COUNTER}"
# 市内, 市民, 区間 and other words that begin like a town's name.
_NO_TOWN = "(?![内外中民長議役立営場街間別分割画])"
JAPANESE_ADDRESS = re.compile(
    rf"(?:〒|郵便番号[ ]?[:は]?)[ ]?[0-9]{{3}}[- ]?[0-9]{{4}}"
    rf"|[0-9]{{3}}-[0-9]{{4}}[ ,、]{{0,2}}{_PREFECTURES}"
    rf"|{_PREFECTURES}[ \n]?{_PLACE}(?:{_PLACE}|[ \n]){{0,19}}?{_HOUSE}"
    rf"|{_PREFECTURES}[ ]?(?:{_PLACE}{{1,6}}[市区郡町村])[ ]?{_NO_TOWN}(?:{_KANJI}|の){{0,10}}{_TWO_NUMBERS}"
    rf"|(?<=[一-龥ぁ-んァ-ヴ])[市区郡町村][ ]?{_NO_TOWN}{_PLACE}{{1,12}}?{_HOUSE}"
    rf"|(?<=[一-龥ヶま])[市区]{_NO_TOWN}(?:{_KANJI}|の){{1,10}}{_TWO_NUMBERS}"
    rf"|大字{_PLACE}{{1,15}}?[0-9]{{1,5}}(?:-[0-9]{{1,4}})?{_NO_COUNTER}"
)
# 1-9-1 Marunouchi, Chiyoda-ku
ROMAN_ADDRESS = re.compile(
    r"(?<![\w-])\d{1,4}(?:-\d{1,4}){1,3},?[ ](?:[A-Za-z-]{2,25},?[ ]){1,3}[A-Za-z]{2,20}"
    r"-(?:ku|shi|gun|cho|machi|mura)\b",
    re.ASCII,
)
# Read in any case; the others only with a capital: "a 4 wheel drive".
_ANY_CASE = "street|avenue|ave|road|rd|boulevard|blvd|parkway|pkwy|highway|hwy"
_CAPITAL = "St|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Terrace|Crescent|Close|Mews|Circle|Place|Pl|Way"
_CAPITAL += "|Gardens|Grove|Alley|Plaza|Quay"
_NO_NAMES = (
    "the|a|an|on|of|in|my|our|your|their|his|her|its|this|that|to|from|down|up|at|for|and|or|with|by|per|people|more|other"
    "|new|men|women|kids|lanes?|way|years?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|weeks?|months?|miles?|km|feet|foot"
    "|percent|thousand|million|billion|dollars?|cars?|times?|long|dirt"
)
# Two words that are no street: "15 GB Google Drive", "9 Supreme Court justices".
_NO_STREET = (
    "(?:google|hard|flash|usb|pen|thumb|disk|wheel|test|food|fund|sex) drive"
    "|(?:supreme|high|district|circuit|county|crown|superior|federal|appeals|tennis|basketball|squash|food|full) court"
    "|(?:first|second|third|fourth|last|market|work) place|(?:milky|better|no|either|half|all|one|two|other) way"
    "|(?:bus|bike|fast|slow|left|right|middle|lois) lane|(?:full|inner|vicious|family) circle"
)
STREET = re.compile(
    rf"(?<![\w$€£.,:/-])\d{{1,5}}[A-Za-z]?,?[ ]"
    rf"(?:(?!(?i:(?:{_NO_NAMES})[ ]|(?:{_NO_STREET})s?\b(?![ ](?:{_ANY_CASE})\b)))[A-Za-z][A-Za-z'’.]{{0,20}}[ ]"
    rf"|\d{{1,3}}(?:st|nd|rd|th)[ ]){{1,4}}"
    rf"(?:(?i:{_ANY_CASE})|(?:{_CAPITAL}))\b(?!['’])",
    re.ASCII,
)
_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DC|FL|GA|ID|IL|IA|KS|KY|MD|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV"
    "|WI|WY"
)
_WORDS_TOO = "DE|HI|IN|LA|ME|MA|OH|OK|OR|PA"
POSTCODE = re.compile(
    rf"(?<=[A-Za-z,][ ])(?:(?:{_STATES})|(?<=,[ ])(?:{_WORDS_TOO}))[ ]\d{{5}}(?:-\d{{4}})?(?![\d-])"
    r"|(?<![\w-])(?:[A-PR-UWYZ][A-HK-Y]?\d[A-Z\d]?)[ ]\d(?!GB|TB)[ABD-HJLNP-UW-Z]{2}(?![\w-])"
    r"|(?i:\bP\.?[ ]?O\.?[ ]?Box[ ]\d{1,6}\b)",
    re.ASCII,
)


def phone_numbers(text: str) -> list[str]:
    """Of Japan, the United Kingdom and North America, and international ones."""
    return [text[start:end] for start, end in _without_overlaps(sorted(_phones(_numbers(text))))]


def my_numbers(text: str) -> list[str]:
    """Twelve digits in fours, or with the check digit or a word for them.

    Source of the check digit: ordinance 85 of 2014 of the Ministry of Internal Affairs, article 5.
    """
    folded = _numbers(text)
    return [text[each.start() : each.end()] for each in MY_NUMBER.finditer(folded) if _is_my_number(each, text)]


def email_addresses(text: str) -> list[str]:
    """Also spelt ones: "taro [at] example.com", "taroアットexample.com"."""
    folded = _signs(text)
    spans = [each.span() for each in EMAIL.finditer(folded)]
    spans += [each.span() for each in SPELT_EMAIL.finditer(folded) if not NO_LOCAL.match(each[0])]
    return [text[start:end] for start, end in _without_overlaps(sorted(spans))]


def postal_addresses(text: str) -> list[str]:
    """Precise to the house or the postcode; a town or a street alone is none."""
    folded = _signs(text)
    spans = sorted(
        each.span()
        for pattern in (JAPANESE_ADDRESS, ROMAN_ADDRESS, STREET, POSTCODE)
        for each in pattern.finditer(folded)
    )
    return [text[start:end] for start, end in _without_overlaps(spans)]


def _phones(folded: str) -> Iterator[tuple[int, int]]:
    for each in PHONE.finditer(folded):
        if FEWEST_DIGITS <= sum(map(str.isdigit, each[0])) <= MOST_DIGITS and not _has_before(NO_PHONE, each):
            yield each.span()
    for each in BARE_PHONE.finditer(folded):
        if _has_before(CALL, each) and not _has_before(NO_PHONE, each):
            yield each.span()


def _has_before(pattern: re.Pattern[str], found: re.Match[str]) -> bool:
    return pattern.search(found.string, max(0, found.start() - NEAR), found.start()) is not None


def _is_my_number(found: re.Match[str], text: str) -> bool:
    near = text[max(0, found.start() - NEAR) : found.end() + NEAR]
    if MY_NUMBER_WORDS.search(near):
        return True
    if found[1] == "\n" or _has_before(NO_PHONE, found):
        return False
    return not NO_MY_NUMBER.fullmatch(found[0]) and (bool(found[1]) or has_check_digit(found[0]))


def has_check_digit(number: str) -> bool:
    """True if the last of twelve digits is the check digit of a My Number."""
    *digits, check = map(int, number)
    weighed = sum(digit * (n + 1 if n <= 6 else n - 5) for n, digit in enumerate(reversed(digits), start=1)) % 11
    return check == (0 if weighed <= 1 else 11 - weighed)


def _signs(text: str) -> str:
    return text.translate(_FOLDED)


def _numbers(text: str) -> str:
    """With all digits as ASCII: circled, Arabic, Japanese ones too."""
    return "".join(map(_digit, _signs(text).translate(KANJI_DIGITS)))


@lru_cache(maxsize=10_000)
def _digit(letter: str) -> str:
    if letter.isascii():
        return letter
    value = unicodedata.digit(letter, -1)
    return str(value) if value >= 0 else letter


def _without_overlaps(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    until = 0
    for start, end in spans:
        if start >= until:
            yield start, end
            until = end
