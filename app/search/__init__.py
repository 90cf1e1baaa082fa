"""Full-text search over comments, and its index."""
