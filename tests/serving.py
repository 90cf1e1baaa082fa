"""Serve HTTP in a thread while a test runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from typing import Any


@contextmanager
def serving(server: BaseServer) -> Iterator[str]:
    """Answer requests until the end of the block; returns the address."""
    bound: Any = server.server_address
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
