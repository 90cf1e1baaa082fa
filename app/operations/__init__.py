"""Operator's tasks: backup, erasing bytes, schema, upgrades, metrics, storage."""
