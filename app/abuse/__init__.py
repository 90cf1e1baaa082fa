"""Checks on the request, not on the text."""
