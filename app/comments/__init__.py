"""Submit, amend, withdraw and read comments; export and erase a person's data."""
