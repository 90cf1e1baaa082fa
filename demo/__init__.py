"""The demo: a small news site that embeds Kaiwa the way a publisher would, by its tag and nothing else."""
