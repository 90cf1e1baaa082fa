"""Small tools that know nothing of Kaiwa's records."""
