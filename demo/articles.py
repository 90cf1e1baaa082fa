"""Read the demo's articles from their Markdown files, so that the page and the loader tell the same story."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from demo.conversation import approved_on

LANGUAGES = ("ja", "en")
FOLDER = Path(__file__).parent / "articles"
MARKDOWN = MarkdownIt("commonmark", {"html": False, "typographer": True}).enable(["smartquotes"])


@dataclass(frozen=True)
class Article:
    """One article: its front matter as text, its date with an offset, its body as HTML of our own writing."""

    lang: str
    slug: str
    title: str
    author: str
    date: datetime
    section: str
    image: str
    alt: str
    caption: str
    summary: str
    html: Markup

    @property
    def path(self) -> str:
        return f"/{self.lang}/{self.slug}"


@cache
def published(lang: str) -> tuple[Article, ...]:
    """Return the articles of a language, newest first; an unknown language has none."""
    articles = (read(file) for file in (FOLDER / lang).glob("*.md"))
    return tuple(sorted(articles, key=lambda article: article.date, reverse=True))


def by_path() -> dict[str, Article]:
    """Return every article by its path on the demo site (`/ja/mancho-no-kane`)."""
    return {article.path: article for lang in LANGUAGES for article in published(lang)}


def neighbours(article: Article) -> tuple[Article | None, Article | None]:
    """Return the (older, newer) articles of the same language, None past either end."""
    shelf = published(article.lang)
    here = shelf.index(article)
    older = shelf[here + 1] if here + 1 < len(shelf) else None
    newer = shelf[here - 1] if here else None
    return older, newer


def recommended(article: Article) -> list[Article]:
    """Return the other articles of the same language, newest first."""
    return [other for other in published(article.lang) if other != article]


def most_discussed(lang: str) -> list[Article]:
    """Order a language's articles by their number of demo comments; the service has the live numbers."""
    return sorted(published(lang), key=lambda article: approved_on(article.path), reverse=True)


def read(file: Path) -> Article:
    """Read one file: `name: value` lines between two `---`, then Markdown.

    A missing or unknown name raises TypeError and a broken date ValueError, both when the article is first
    asked for: a demo with a hole in it should not start.
    """
    _, head, body = file.read_text(encoding="utf-8").split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    date = datetime.fromisoformat(fields.pop("date"))
    html = Markup(MARKDOWN.render(body))  # noqa: S704 (our own files)
    return Article(lang=file.parent.name, slug=file.stem, date=date, html=html, **fields)
