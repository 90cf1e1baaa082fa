"""Decide on comments: findings, lanes, history, reports, appeals, Akismet's answers."""
