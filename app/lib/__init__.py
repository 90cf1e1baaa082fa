"""Libraries without knowledge of Kaiwa's records."""
