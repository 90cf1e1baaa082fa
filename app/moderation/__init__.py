"""Moderation: decide, screen, queue."""
