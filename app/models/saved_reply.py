"""Replies that a site's moderators insert into their own. They are stored with the site: id, name and text each."""

import re

ID = re.compile("[0-9a-f]{12}")
MOST_REPLIES = 50
LONGEST_TEXT = 2_000  # characters
