"""Operator's tasks: backup, erasing dead bytes, schema, upgrades, metrics, storage."""
