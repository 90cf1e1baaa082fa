"""Traces and error reports: packages that are imported only if a setting names their receiver."""

from importlib import import_module

from flask import Flask

from config import BadSetting

# By setting: our module, and the extra of the package that it needs.
EXTRAS = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("app.operations.tracing", "otel"),
    "SENTRY_DSN": ("app.operations.error_reports", "sentry"),
}


def install(app: Flask) -> None:
    """For processes that serve: the web server's and the worker. Raises BadSetting if a package is missing."""
    for setting, (module, extra) in EXTRAS.items():
        if app.config[setting]:
            try:
                import_module(module).install(app)
            except ModuleNotFoundError as trouble:
                raise BadSetting(
                    f"{setting} is set, but {trouble.name} is not installed: pip install 'kaiwa[{extra}]', or beside "
                    f"the source code pip install -r requirements-{extra}.txt"
                ) from trouble
