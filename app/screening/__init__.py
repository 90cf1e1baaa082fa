"""Checks that run before a comment's first decision, and the rules that a site sets for them."""
