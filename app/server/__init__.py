"""The web server: requests, threads, and the cache of public pages."""
