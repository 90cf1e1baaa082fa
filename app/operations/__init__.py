"""What the operator needs: backup, vacuum, schema, metrics, storage."""
