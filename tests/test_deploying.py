"""The nginx configuration of docs/deploying.md, unchanged, in front of the real service."""

import gzip
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy.orm import Session

from app.models import Comment, Site, State, Status
from app.moderation import articles
from tests.cast import PAGE, move
from tests.server.test_page_cache import a_comment
from tests.services import ROOT, Live, free_port, wait_until
from tests.serving import serving

THREAD = "/embed/thread?" + urlencode({"site": "paper", "url": PAGE, "lang": "en"})


@pytest.fixture
def proxied(start_kaiwa: Callable[..., Live], database_url: str, db_session: Session, tmp_path: Path) -> Iterator[str]:
    """The URL of nginx in front of a service with one published comment."""
    a_comment(db_session)
    kaiwa = start_kaiwa(database_url, workers=2, TRUSTED_PROXIES="127.0.0.1/32")
    with running_nginx(tmp_path, kaiwa.url) as url:
        yield url


@contextmanager
def running_nginx(
    folder: Path, service: str, also: str = "", replace: tuple[tuple[str, str], ...] = ()
) -> Iterator[str]:
    """Debian's nginx with the documented configuration on a free port, and `also` of a benchmark."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert program, "nginx is missing: sudo apt install nginx-light (make test does it where it may)"
    port = free_port()
    (folder / "nginx.conf").write_text(configuration(folder, service, port, also, replace))
    log = folder / "nginx.log"
    with log.open("wb") as out:
        command = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"]
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/healthz"), "nginx", log, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def configuration(folder: Path, service: str, port: int, also: str, replace: tuple[tuple[str, str], ...]) -> str:
    """Ports and folders are the test's; everything else is from the docs."""
    printed = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/deploying.md").read_text(), re.DOTALL)
    assert printed
    ours = printed[1]
    for theirs, mine in (
        ("server 127.0.0.1:8000", f"server {service.removeprefix('http://')}"),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("/var/lib/nginx/kaiwa", f"{folder}/cache"),
        *replace,
    ):
        assert ours.count(theirs) == 1
        ours = ours.replace(theirs, mine)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if Path("/proc/self").stat().st_uid == 0 else ""
    # As in Debian's nginx.conf.
    around = "access_log off;\nsendfile on;\ntcp_nopush on;\n"
    return f"{user}pid {folder}/nginx.pid;\nevents {{}}\nhttp {{\n{around}{temporary}{ours}{also}}}\n"


def _answers(url: str) -> bool:
    try:
        return bool(asked(url)[0] == 200)
    except OSError:
        return False


def asked(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as no:
        with no:
            return no.code, {name.lower(): value for name, value in no.headers.items()}, no.read()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nginx_serves_what_the_service_says_and_no_longer(proxied: str, db_session: Session) -> None:
    url = proxied + THREAD
    status, headers, body = asked(url)
    assert status == 200 and b"Published." in body
    assert "x-accel-expires" not in headers and "set-cookie" not in headers
    assert asked(url, if_none_match=headers["etag"])[0] == 304
    assert gzip.decompress(asked(url, accept_encoding="gzip, x-nonsense")[2]) == body
    assert asked(url, accept_encoding="gzip, br")[1]["content-encoding"] == "br"
    # Constant reads: unchanged pages are revalidated, and every cache is warm when the page changes.
    read_for(2.5, url)
    assert asked(url)[2] == body
    comment = db_session.get_one(Comment, 1)
    articles.set_state(comment.thread, State.HIDDEN)
    db_session.commit()
    assert_leaves(url)
    articles.set_state(comment.thread, State.OPEN)
    db_session.commit()
    read_for(2.5, url)
    assert b"Published." in asked(url)[2]
    move(db_session, comment, Status.REJECTED)
    assert_leaves(url)


def assert_leaves(url: str) -> None:
    until = time.monotonic() + 20
    while b"Published." in asked(url)[2]:
        assert time.monotonic() < until, "nginx or the page cache serves a rejected or hidden comment"
        time.sleep(0.05)


def read_for(seconds: float, url: str) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert asked(url)[0] == 200
        time.sleep(0.05)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nginx_does_not_share_personal_responses(proxied: str, db_session: Session) -> None:
    """Hanako posts without JavaScript; Bob opens the URL that she was redirected to."""
    site = db_session.query(Site).one()
    site.hold_all, site.version = True, site.version + 1
    db_session.commit()
    fields = urlencode({"site": "paper", "url": PAGE, "name": "Hanako", "email": "h@readers.example", "body": "Waits."})
    hers = kept_cookie(proxied, fields)
    own = f"{proxied}/thread?{urlencode({'site': 'paper', 'url': PAGE, 'own': 1})}"
    assert b"Waits." in asked(own, cookie=hers)[2]
    assert b"Waits." not in asked(own)[2]
    for path in (THREAD, THREAD.replace("/embed", ""), f"/thread?{urlencode({'site': 'paper', 'url': PAGE})}"):
        assert b"Waits." not in asked(proxied + path, cookie=hers)[2]
        assert b"Waits." not in asked(proxied + path)[2]
    counts = asked(f"{proxied}/embed/counts?{urlencode({'site': 'paper', 'url': PAGE})}")
    assert json.loads(counts[2]) == {"counts": {PAGE: 1}}
    assert asked(f"{proxied}/moderate/")[2] != b"" and "no-store" in asked(f"{proxied}/login")[1]["cache-control"]


def kept_cookie(url: str, fields: str) -> str:
    """Post a comment as a browser without JavaScript does, and return the cookie that came with the redirect."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_given: object) -> None:
            return None

    request = urllib.request.Request(f"{url}/embed/comments", fields.encode(), {"Sec-Fetch-Mode": "navigate"})  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.build_opener(Stay).open(request, timeout=10)
    answer.value.close()
    assert answer.value.code == 303
    return "; ".join(each.split(";")[0] for each in answer.value.headers.get_all("Set-Cookie"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nginx_does_not_serve_metrics(start_kaiwa: Callable[..., Live], database_url: str, tmp_path: Path) -> None:
    """Neither with the printed configuration, nor without its rule about metrics."""
    kaiwa = start_kaiwa(database_url)
    assert asked(f"{kaiwa.url}/metrics")[0] == 200
    spellings = ("/metrics", "//metrics", "/./metrics", "/%6detrics", "/metrics?x=/embed.js")
    with running_nginx(tmp_path, kaiwa.url) as url:
        assert {asked(url + path, x_forwarded_for="127.0.0.1")[0] for path in spellings} == {404}
    # Trusted or not, the address of nginx is not the client's.
    with running_nginx(tmp_path, kaiwa.url, replace=(("location = /metrics", "location = /elsewhere"),)) as url:
        assert asked(f"{url}/elsewhere")[0] == 404
        assert {asked(url + path, x_forwarded_for="127.0.0.1")[0] for path in spellings} == {404}


class _Dies(BaseHTTPRequestHandler):
    """A service that ends in the middle of each request, except for its own errors: /own/STATUS."""

    def do_GET(self) -> None:
        if self.path == "/healthz" or self.path.startswith("/own/"):
            self.send_response(200 if self.path == "/healthz" else int(self.path.removeprefix("/own/")))
            self.send_header("Retry-After", "77")
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"own")

    def do_POST(self) -> None:
        self.close_connection = True

    def log_message(self, *_given: object) -> None:
        pass


def test_nginx_says_when_to_try_again_where_the_service_does_not_answer(tmp_path: Path) -> None:
    service = HTTPServer(("127.0.0.1", 0), _Dies)
    with ExitStack() as stack:
        upstream = stack.enter_context(serving(service))
        url = stack.enter_context(running_nginx(tmp_path, upstream))
        for path in (THREAD, "/moderate/", "/embed/comments"):
            status, headers, body = asked(url + path)
            assert (status, headers["retry-after"], headers["cache-control"]) == (503, "5", "no-store")
            assert b'role="alert"' in body and "もう一度".encode() in body
        for own in (404, 413, 429, 500, 502, 503, 504):
            status, headers, body = asked(f"{url}/own/{own}")
            assert (status, headers["retry-after"], body) == (own, "77", b"own"), "the service's own answer"
        service.shutdown()
        service.server_close()
        status, headers, _body = asked(url + "/embed/comments")
        # The widget of another origin may read it.
        assert (status, headers["retry-after"], headers["access-control-allow-origin"]) == (503, "5", "*")
        assert asked(url + "/healthz")[0] == 503
