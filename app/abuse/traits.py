"""What kind of browser sends a request, coarsely: enough to notice another one, too little to find a reader by."""

import re

from app.lib.secrets import Index, blind_index
from app.models import Site

# Versions and models change with every update.
VERSIONS = re.compile(r"[\d._]+")
LONGEST = 500


def index(site: Site, user_agent: str) -> Index:
    """The blind index of a browser's kind on this site."""
    return blind_index(f"browser {site.id}", VERSIONS.sub("", user_agent[:LONGEST]).casefold())
