"""Bring both catalogues up to date: new sentences come in empty, unused ones go, all are sorted and compiled."""

from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
LANGUAGES = ("ja", "en")
SOURCES = ("app", "templates")
WIDTH = 120  # characters
KEYWORDS = {
    "_": None,
    "_l": None,
    "gettext": None,
    "lazy_gettext": None,
    "_n": (1, 2),
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
}


def main() -> None:
    said = what_is_said()
    for lang in LANGUAGES:
        missing = renew(lang, said)
        for message in missing:
            print(f"{lang}: {message!r} is not translated yet")


def what_is_said() -> dict[str, str | tuple[str, ...]]:
    """Every message of the sources and templates, by its first form."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file, "babel.cfg")
    found = extract_from_dir(str(ROOT), methods, options, keywords=KEYWORDS, directory_filter=_is_ours)
    return {_first(message): message for _name, _line, message, _comments, _context in found}


def renew(lang: str, said: dict[str, str | tuple[str, ...]]) -> list[str]:
    """Rewrite one catalogue, compile it, and return what it cannot say yet."""
    folder = ROOT / "app" / "translations" / lang / "LC_MESSAGES"
    with (folder / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=lang)
    for message in [each for each in catalogue if each.id and _first(each.id) not in said]:
        catalogue.delete(message.id)
    for first, message in said.items():
        if first not in catalogue:
            # What stands in the source is English already.
            catalogue.add(message, string=message if lang == "en" else "")
    with (folder / "messages.po").open("wb") as file:
        write_po(file, catalogue, width=WIDTH, sort_output=True, no_location=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalogue)
    return _untranslated(catalogue)


def _untranslated(catalogue: Catalog) -> list[str]:
    return [_first(each.id) for each in catalogue if each.id and not all(_forms(each.string))]


def _forms(texts: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts) or ("",)


def _first(message: str | tuple[str, ...] | list[str]) -> str:
    return _forms(message)[0]


def _is_ours(folder: str) -> bool:
    path = Path(folder).relative_to(ROOT)
    return not path.parts or path.parts[0] in SOURCES


if __name__ == "__main__":
    main()
