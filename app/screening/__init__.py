"""Checks before a comment's first decision, and a site's rules for them."""
