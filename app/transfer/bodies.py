"""Adapt the HTML of other systems before it is sanitised: nothing that it shows or links to is lost."""

import re
from collections import Counter
from collections.abc import Callable
from html import escape, unescape
from urllib.parse import parse_qs, urljoin, urlsplit

from app.lib.html_reader import ATTRIBUTE, Token, attribute, tokens
from app.lib.text import link_spans

# Elements that show a file or another page, with the word for the link that replaces them.
MEDIA = {
    "img": "image",
    "iframe": "embed",
    "embed": "embed",
    "object": "embed",
    "video": "video",
    "audio": "audio",
}
CONTAINERS = frozenset(["object", "video", "audio"])
PARTS = frozenset(["source", "param", "embed"])  # they may name the file of a container
VERBATIM = ("a", "code", "pre", "kbd", "samp")  # no bare URL becomes a link within
SHORTCODES = {
    **dict.fromkeys(("embed", "iframe", "tweet", "twitter", "instagram", "facebook", "slideshare", "spotify"), "embed"),
    **dict.fromkeys(("video", "youtube", "vimeo", "wpvideo", "dailymotion", "googlevideo", "ted", "flv"), "video"),
    **dict.fromkeys(("audio", "soundcloud", "bandcamp"), "audio"),
    "img": "image",
}
_NAMES = "|".join(SHORTCODES)
# [youtube URL], [video src="URL"], [embed]URL[/embed]
SHORTCODE = re.compile(
    rf"\[(?P<name>{_NAMES})(?P<given>[\s=][^\[\]]{{0,2000}})?\](?:(?P<inside>[^\[\]]{{0,2000}})\[/(?P=name)\])?", re.I
)
CAPTION = re.compile(r"\[/?caption(?:\s[^\[\]]{0,2000})?\]", re.I)
URL = re.compile(r"https?://[^\s\"'<>\[\]]{1,2000}", re.I)
ANYTHING = re.compile(rf"<(?:{'|'.join(MEDIA)})[\s/>]|\[/?(?:{_NAMES}|caption)[\s=\]]", re.I)
LINKS = re.compile(r"://|www\.|href\s*=\s*[\"']?#|:disqus", re.I)

# In a Disqus export, http://disq.us/url?url=<encoded URL>:<signature>&cuid=<number>.
REDIRECT = re.compile(r"https?://disq\.us/url\?", re.I)
SIGNATURE = re.compile(r"(?<!/):(?!\d{1,5}(?:/|\Z))[\w-]*\Z", re.ASCII)
MENTION = re.compile(r"@([\w-]{1,100}):disqus\b", re.ASCII)
NUMBERED = re.compile(r"#(?:comment-|isso-|div-comment-)\d{1,18}\Z", re.ASCII)
MOST_SHOWN = 200  # characters of a link's text

NameOf = Callable[[str], str]


def has_media(body: str) -> bool:
    """True if `adapt` replaces something by a link or a text."""
    if not ANYTHING.search(body):
        return False
    adapter = _Adapter("", str)
    adapter.run(body)
    return adapter.replaced


def adapt(body: str, page: str = "", name_of: NameOf = str) -> str:
    """HTML in which media are links, and bare URLs too.

    `page` is the URL to which #comment-5 belongs, `name_of` the display name of a Disqus user name. Linear.
    """
    if not ANYTHING.search(body) and not LINKS.search(body):
        return body
    adapter = _Adapter(page, name_of)
    adapter.run(body)
    return "".join(adapter.written)


class _Adapter:
    def __init__(self, page: str, name_of: NameOf) -> None:
        self.written: list[str] = []
        self.replaced = False
        self._page, self._name_of = page, name_of
        self._open: Counter[str] = Counter()
        self._container = ""  # the open <video>, <audio> or <object>
        self._file: str | None = None  # its file, once known
        self._redirect = ""  # the target of the open link, if it led through Disqus

    def run(self, html: str) -> None:
        for token in tokens(html):
            if not token.name:
                self._text(token.text)
            elif token.name in MEDIA or token.name in PARTS:
                self._media(token)
            else:
                self._tag(token)
        self._end_container()

    def _tag(self, token: Token) -> None:
        if token.name in VERBATIM:
            self._open[token.name] = max(0, self._open[token.name] + (-1 if token.is_end else 1))
        if token.name == "a":
            self._redirect = ""
            if not token.is_end:
                return self._link(token)
        self.written.append(f"</{token.name}>" if token.is_end else f"<{token.name}{token.attributes}>")

    def _link(self, token: Token) -> None:
        href = attribute(token.attributes, "href").strip()
        target = self._target(href)
        if target == href:
            self.written.append(f"<a{token.attributes}>")
            return
        self._redirect = target if REDIRECT.match(href) else ""
        self.written.append(f'<a href="{escape(target)}">')

    def _target(self, href: str) -> str:
        if NUMBERED.match(href):
            return self._page + href if self._page else href
        return _resolved(href)

    def _text(self, raw: str) -> None:
        if not self._plain:
            self.written.append(escape(self._redirect) if REDIRECT.match(raw.strip()) and self._redirect else raw)
            return
        at = 0
        for code in SHORTCODE.finditer(raw):
            source = _first_url(code["given"], code["inside"])
            if source:
                self._words(raw[at : code.start()])
                self._write_link(SHORTCODES[code["name"].lower()], source, "")
                at = code.end()
        self._words(raw[at:])

    @property
    def _plain(self) -> bool:
        return not any(self._open.values())

    def _words(self, raw: str) -> None:
        raw = CAPTION.sub("", raw)
        if ":disqus" in raw:
            raw = MENTION.sub(lambda found: "@" + escape(self._name_of(found[1]), quote=False), raw)
        text, at = unescape(raw), 0
        for start, end in link_spans(text, bare=True):
            link = text[start:end]
            target = _resolved(link if "://" in link else f"http://{link}")
            shown = target if REDIRECT.match(link) else link
            self.written += [escape(text[at:start]), f'<a href="{escape(target)}">{escape(shown)}</a>']
            at = end
        self.written.append(escape(text[at:], quote=False) if at else raw)

    def _media(self, token: Token) -> None:
        if token.is_end:
            if token.name == self._container:
                self._end_container()
        elif token.name in CONTAINERS:
            self._end_container()
            self._container = token.name
            self._name_file(token)
        elif token.name in PARTS and self._container and self._file is None:
            self._name_file(token)
        elif token.name in MEDIA:
            self._alone(token)

    def _name_file(self, token: Token) -> None:
        source, shown = _source(token)
        if source:
            self._file = source
            self._write_link(MEDIA[self._container], source, shown)

    def _alone(self, token: Token) -> None:
        source, shown = _source(token)
        if token.name == "img" and _is_emoji(token, shown):
            self.written.append(escape(shown, quote=False))
        elif not source or source != self._file:
            self._write_link(MEDIA[token.name], source, shown)

    def _end_container(self) -> None:
        if self._container and self._file is None:
            self._write_link(MEDIA[self._container], "", "")
        self._container, self._file = "", None

    def _write_link(self, word: str, source: str, shown: str) -> None:
        self.replaced = True
        source = self._absolute(source)
        label = escape(f"[{word}: {shown or _name(source)}]" if shown or source else f"[{word}]", quote=False)
        is_link = self._plain and URL.match(source)
        self.written.append(f'<a href="{escape(source)}">{label}</a>' if is_link else label)

    def _absolute(self, source: str) -> str:
        try:
            return urljoin(self._page, source) if self._page and source else source
        except ValueError:
            return source


def _source(token: Token) -> tuple[str, str]:
    """What the element shows, absolute if it can be, and its text."""
    given: dict[str, str] = {}
    for found in ATTRIBUTE.finditer(token.attributes):
        given.setdefault(found[1].lower(), (found[2] or "").strip("\"'"))
    if token.name == "param" and given.get("name", "").lower() not in ("movie", "src"):
        return "", ""
    first = next((given[each] for each in ("src", "data-src", "data", "srcset", "value") if given.get(each)), "")
    source = unescape(first).strip()
    source = source.split()[0] if source and token.name == "source" else source
    source = f"https:{source}" if source.startswith("//") else source
    shown = unescape(given.get("alt") or given.get("title") or "").strip()[:MOST_SHOWN]
    return "" if source.lower().startswith(("data:", "blob:", "javascript:")) else source, shown


def _is_emoji(token: Token, shown: str) -> bool:
    """WordPress shows emoji and smilies as pictures with the character as their text."""
    named = attribute(token.attributes, "class").lower()
    return bool(shown) and ("smiley" in named or "emoji" in named or not any(each.isalnum() for each in shown))


def _name(source: str) -> str:
    """The file's name, or host and path."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return source[:MOST_SHOWN]
    last = parts.path.rstrip("/").rpartition("/")[2]
    whole = f"{parts.netloc}{parts.path.rstrip('/')}" if parts.netloc else source
    return (last if "." in last else whole)[:MOST_SHOWN]


def _first_url(*texts: str | None) -> str:
    found = (URL.search(unescape(text)) for text in texts if text)
    return next((each[0] for each in found if each), "")


def _resolved(href: str) -> str:
    """The page behind Disqus's redirect, read from its own query."""
    if not REDIRECT.match(href):
        return href
    try:
        target = parse_qs(urlsplit(href).query).get("url", [""])[0]
    except ValueError:
        return href
    target = SIGNATURE.sub("", target)
    return target if URL.match(target) else href
