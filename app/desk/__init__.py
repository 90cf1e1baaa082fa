"""What moderators work with: queue, cards, batches, blocking, context, statistics, members."""
