"""10,000 open tabs that ask for new comments every 30 to 60 seconds: the processor time of one web process."""

import argparse
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection
from urllib.parse import urlsplit

from bench import service
from bench.constant import fetch
from bench.fill import Shape
from bench.measure import cpu_ms
from bench.reads import thread

TABS, MEAN_S, CONNECTIONS = 10_000, 45, 8
# Tabs of one busy article have one answer; those of many articles one each, which is revalidated.
ARTICLES = (1, 200)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20)
    seconds = parser.parse_args().seconds
    rate = TABS / MEAN_S
    with (
        service.database("sqlite") as url,
        service.filled(url, Shape(max(ARTICLES), 50)) as app,
        service.running(app, workers=1) as kaiwa,
    ):
        web = kaiwa.processes("granian")
        idle = _used(web, seconds, partial(time.sleep, seconds))
        print(f"{TABS:,} tabs, {rate:.0f} requests a second with an ETag; idle {idle:.1f} % of one core")
        for articles in ARTICLES:
            paths = [thread(number) for number in range(articles)]
            tags = [_tag(kaiwa.url + path) for path in paths]
            counts = {304: 0, 200: 0}
            share = _used(web, seconds, partial(_ask, kaiwa.url, paths, tags, rate, seconds, counts))
            made = sum(counts.values()) / seconds
            print(f"{articles} articles: {share:.1f} % of one core, {made:.0f} a second, {counts[304]} times 304")


def _tag(url: str) -> str:
    return dict(fetch(url)[0])["etag"]


def _used(pids: list[int], seconds: int, work: Callable[[], None]) -> float:
    """Percent of one core that these processes used during the work."""
    before = cpu_ms(pids)
    work()
    return (cpu_ms(pids) - before) / (seconds * 10)


def _ask(url: str, paths: list[str], tags: list[str], rate: float, seconds: int, counts: dict[int, int]) -> None:
    each = [threading.Thread(target=_tabs, args=(url, paths, tags, rate / CONNECTIONS, seconds, counts))
            for _ in range(CONNECTIONS)]  # fmt: skip
    for one in each:
        one.start()
    for one in each:
        one.join()


def _tabs(url: str, paths: list[str], tags: list[str], rate: float, seconds: int, counts: dict[int, int]) -> None:
    connection, end = HTTPConnection(urlsplit(url).netloc, timeout=10), time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(random.expovariate(rate))
        at = random.randrange(len(paths))
        connection.request("GET", paths[at], headers={"If-None-Match": tags[at], "Accept-Encoding": "br"})
        answer = connection.getresponse()
        answer.read()
        counts[answer.status] += 1


if __name__ == "__main__":
    main()
