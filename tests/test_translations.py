"""Every catalogue is complete: each message is translated, and the compiled file matches the written one."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

import scripts.catalogues
from scripts.catalogues import KEYWORDS, catalogues

ROOT = Path(__file__).parent.parent
PLACEHOLDER = re.compile(r"%\((\w+)\)[a-z]")
KANA_OR_KANJI = "[ぁ-ゖァ-ヺー一-鿿々]"
NUMBER = re.compile(r"%\(\w+\)d")
A_DATE = re.compile(r"\d{4}年\d{1,2}月\d{1,2}日")
# A space stands between Latin letters or digits and Japanese ones, as WordPress writes it; punctuation is full-width.
CLOSE = re.compile(f"[0-9A-Za-z]{KANA_OR_KANJI}|{KANA_OR_KANJI}[0-9A-Za-z]|{KANA_OR_KANJI}[:;,.!?()]")
# Second words for things with a name already.
OTHER_WORDS = re.compile("所有者|段階認証|キュー|書き出|役割|運営者(?!名)")


def said() -> Iterator[tuple[str, int, str | tuple[str, ...]]]:
    """Every message of the sources and templates, with file and line."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file, "babel.cfg")
    found = extract_from_dir(str(ROOT), methods, options, keywords=KEYWORDS, directory_filter=_is_ours)
    for name, line, message, _comments, _context in found:
        yield name, line, message


def _is_ours(folder: str) -> bool:
    return not Path(folder).name.startswith(".") and Path(folder).name not in ("instance", "tests", "docs")


def folder(lang: str) -> Path:
    return ROOT / "app" / "translations" / lang / "LC_MESSAGES"


def catalogue(lang: str) -> Catalog:
    with (folder(lang) / "messages.po").open("rb") as file:
        return read_po(file, locale=lang)


def forms(texts: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


def entries(lang: str) -> list[Message]:
    return [message for message in catalogue(lang) if message.id]


@pytest.mark.parametrize("lang", catalogues())
def test_everything_that_is_said_is_translated(lang: str) -> None:
    known, missing = catalogue(lang), []
    for name, line, message in said():
        entry = known.get(forms(message)[0])
        if entry is None or not all(forms(entry.string)):
            missing.append(f"{name}:{line} {message!r}")
    assert not missing


def test_the_extraction_finds_python_and_templates() -> None:
    files = {name.split("/")[0] for name, _line, _message in said()}
    assert files == {"app", "templates"}


@pytest.mark.parametrize("lang", catalogues())
def test_no_translation_is_a_guess(lang: str) -> None:
    assert [entry.id for entry in entries(lang) if entry.fuzzy] == []


@pytest.mark.parametrize("lang", catalogues())
def test_placeholders_are_those_of_the_sentence(lang: str) -> None:
    for entry in entries(lang):
        wanted = {name for form in forms(entry.id) for name in PLACEHOLDER.findall(form)}
        for form in forms(entry.string):
            given = set(PLACEHOLDER.findall(form))
            # "one comment" may leave the number out.
            assert given == wanted or given == wanted - {"num"}, (entry.id, form)


@pytest.mark.parametrize("lang", catalogues())
def test_a_translation_can_be_formatted_where_its_sentence_can(lang: str) -> None:
    """Templates format every text, also one without a placeholder: a lone % would be an error."""
    for entry in entries(lang):
        if all(map(_can_be_formatted, forms(entry.id))):
            assert all(map(_can_be_formatted, forms(entry.string))), entry.string


def _can_be_formatted(text: str) -> bool:
    try:
        text % dict.fromkeys(PLACEHOLDER.findall(text), 1)
    except (ValueError, TypeError, KeyError):
        return False
    return True


def test_japanese_is_spaced_and_named_alike_on_all_pages() -> None:
    for entry in entries("ja"):
        for form in forms(entry.string):
            plain = PLACEHOLDER.sub("…", NUMBER.sub("1", A_DATE.sub("", form)))
            assert not CLOSE.search(plain) and not OTHER_WORDS.search(form), form


@pytest.mark.parametrize("lang", catalogues())
def test_compiled_catalogues_match_their_source(lang: str) -> None:
    again = BytesIO()
    write_mo(again, catalogue(lang))
    again.seek(0)
    with (folder(lang) / "messages.mo").open("rb") as file:
        assert _sentences(read_mo(file)) == _sentences(read_mo(again))


def test_a_new_language_begins_in_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scripts.catalogues, "TRANSLATIONS", tmp_path)
    monkeypatch.setattr("sys.argv", ["catalogues", "pt_BR"])
    scripts.catalogues.main()
    assert "pt_BR: 'Post comment' is not translated yet" in capsys.readouterr().out
    found = Translations.load(tmp_path, ["pt_BR"])
    assert found.gettext("Post comment") == "Post comment"
    assert found.ngettext("%(num)d comment", "%(num)d comments", 2) == "%(num)d comments"
    written = (tmp_path / "pt_BR" / "LC_MESSAGES" / "messages.po").read_text()
    assert "nplurals=2" in written and "fuzzy" not in written


def _sentences(read: Catalog) -> dict[tuple[str, ...], tuple[str, ...]]:
    return {forms(message.id): forms(message.string) for message in read if message.id}
