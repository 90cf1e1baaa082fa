"""The application factory."""

import gc
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from click import Command, Context
from flask import Flask
from flask.cli import AppGroup

# Loading the modules below creates 300,000 objects, almost no garbage. Collections took a quarter of that time.
gc.disable()

import config
from app import api, replica, web
from app.abuse import bounds
from app.database import end_context
from app.extensions import babel, csrf, db, migrate
from app.lib import ids, language, signing
from app.web import logs

gc.freeze()
gc.enable()

ROOT = Path(__file__).parent.parent


class _Commands(AppGroup):
    """The operator's commands, loaded for the first one: web processes need none of app/cli, which takes 12 MiB."""

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.app, self.loaded = app, False

    def list_commands(self, ctx: Context) -> list[str]:
        self._load()
        return super().list_commands(ctx)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        self._load()
        return super().get_command(ctx, cmd_name)

    def _load(self) -> None:
        if not self.loaded:
            self.loaded = True
            import_module("app.cli").install(self.app)


def create_app(given: Mapping[str, Any] | None = None, instance: Path | None = None) -> Flask:
    """Return the application. `given` replaces the environment's settings (tests). Raises BadSetting."""
    instance = instance or config.home(given)
    app = Flask(__name__, template_folder=str(ROOT / "templates"), instance_path=str(instance.resolve()))
    # Before extensions add commands to it.
    app.cli = _Commands(app)
    app.config.update(config.load(given, instance))
    app.url_map.converters["int"] = ids.IdConverter
    bounds.install(app)
    app.session_interface = signing.Sessions()
    db.init_app(app)
    replica.install(app)
    # Flask calls the last registered function first: before the session is removed.
    app.teardown_appcontext(end_context)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    babel.init_app(
        app,
        locale_selector=language.locale_now,
        timezone_selector=language.clock,
        default_translation_directories=str(language.TRANSLATIONS),
    )
    language.install(app)
    logs.install(app)
    for package in (web, api):
        package.install(app)
    # Before each request in this order: the CSRF token of a log-in that has ended is wrong, too.
    web.access.install(app)
    csrf.init_app(app)
    return app
