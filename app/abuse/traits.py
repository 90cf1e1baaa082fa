"""The kind of browser, coarse enough not to identify a reader."""

import re

from app.lib.secrets import Index, blind_index
from app.models import Site

# Versions and models change with each update.
VERSIONS = re.compile(r"[\d._]+")
LONGEST = 500


def index(site: Site, user_agent: str) -> Index:
    return blind_index(f"browser {site.id}", VERSIONS.sub("", user_agent[:LONGEST]).casefold())
