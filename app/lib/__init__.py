"""Ground: small tools that know nothing of Kaiwa's records."""
