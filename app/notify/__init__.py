"""Notifications: the outbox, and the emails that it sends."""
