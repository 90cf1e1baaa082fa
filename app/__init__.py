"""The application factory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask

import config
from app import api, cli, replica, web
from app.abuse import bounds
from app.database import end_context
from app.extensions import babel, csrf, db, migrate
from app.lib import ids, language, signing
from app.web import logs

ROOT = Path(__file__).parent.parent


def create_app(given: Mapping[str, Any] | None = None, instance: Path | None = None) -> Flask:
    """Return the application. `given` replaces the environment's settings (tests). Raises BadSetting."""
    instance = instance or config.home(given)
    app = Flask(__name__, template_folder=str(ROOT / "templates"), instance_path=str(instance.resolve()))
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
    for package in (web, api, cli):
        package.install(app)
    # Before each request in this order: the CSRF token of a log-in that has ended is wrong, too.
    web.access.install(app)
    csrf.init_app(app)
    return app
