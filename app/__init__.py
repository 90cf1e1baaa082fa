"""Kaiwa."""
