"""Moderation pages: queue, cards, batches, blocking, context, statistics, members."""
