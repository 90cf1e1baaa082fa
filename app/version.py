"""The version of Kaiwa, in one place: pyproject.toml, `/healthz`, `flask check` and embed.js read it here."""

VERSION = "0.1.0"
