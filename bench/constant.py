"""The baseline: an application for the same server that answers everything with the same bytes, whatever is asked."""

import json
import os
from pathlib import Path
from typing import Any

_told = json.loads(Path(os.environ["KAIWA_CONSTANT"]).read_text())
HEADERS = [(name, value) for name, value in _told["headers"]]
BODY = _told["body"].encode("latin-1")


async def app(scope: Any, protocol: Any) -> None:
    protocol.response_bytes(200, HEADERS, BODY)
