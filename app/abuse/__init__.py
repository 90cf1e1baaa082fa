"""What looks at the request, never at the words."""
