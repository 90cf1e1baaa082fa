"""Other systems' comments come in here, and ours can leave again."""
