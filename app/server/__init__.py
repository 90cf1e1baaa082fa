"""The web server's side: whole requests, threads, and the cache of public pages."""
