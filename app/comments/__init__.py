"""A reader speaks, amends, is read."""
