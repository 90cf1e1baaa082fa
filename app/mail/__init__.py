"""Who is told what, and the outbox."""
