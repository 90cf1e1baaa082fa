"""The moderators' desk: queue, cards, batches, blocking, context, statistics, members."""
