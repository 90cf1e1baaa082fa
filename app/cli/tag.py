"""The type of `--lang`: one of the installed languages, read when the command runs."""

from typing import Any

import click

from app.lib.language import languages


class Language(click.ParamType[str]):
    name = "language"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{'|'.join(languages())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        by_tag = {tag.lower(): tag for tag in languages()}
        return by_tag.get(value.lower()) or self.fail(f"{value!r} is not one of {', '.join(languages())}.", param, ctx)


LANGUAGE = Language()
