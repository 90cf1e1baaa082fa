"""Import, export, archives, and URL changes."""
