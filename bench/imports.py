"""Rate and memory of imports: two sizes of one generated blog, in one run.

    python -m bench.imports                     20,000 and 100,000 comments
    python -m bench.imports 2000000             one of 1 GB
    DATABASE_URL=postgresql://... python -m bench.imports

The blog has pages of 40 comments, a third of them replies, in every status, with the markup that WordPress stores. The
baseline is the parser alone. Rates are comments for each second of CPU time, including the start of the program.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from app.transfer.detect import READERS

ROOT = Path(__file__).parent.parent
SIZES = (20_000, 100_000)
PER_PAGE = 40
WORDS = (
    "記事",
    "を",
    "読んで",
    "とても",
    "面白い",
    "と",
    "思いました",
    "the",
    "article",
    "made",
    "me",
    "think",
    "again",
)


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or list(SIZES)
    print(f"{'comments':>10} {'MB':>7} {'read/s':>9} {'import/s':>9} {'share':>6} {'again/s':>9} {'peak MiB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            file = Path(folder) / "export.xml"
            write(file, size)
            reading = _rate(size, _read, file)
            first, peak = _import(file, size, Path(folder) / f"{size}.sqlite3")
            again, _ = _import(file, size, Path(folder) / f"{size}.sqlite3", unchanged=size)
            megabytes = file.stat().st_size / 1e6
            print(
                f"{size:>10,} {megabytes:>7,.0f} {reading:>9,.0f} {first:>9,.0f} {first / reading:>6.0%}"
                f" {again:>9,.0f} {peak:>9,.0f}",
                flush=True,
            )


def write(file: Path, size: int) -> None:
    """Generate a blog of `size` comments."""
    with file.open("w") as out:
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>\n')
        for first in range(0, size, PER_PAGE):
            out.writelines(_page(first, min(PER_PAGE, size - first)))
        out.write("</channel></rss>\n")


def _page(first: int, count: int) -> Iterator[str]:
    number = first // PER_PAGE + 1
    dice = random.Random(number)
    yield f"<item><title>Page {number}</title><link>https://paper.example/{number}/</link>"
    yield f"<wp:post_id>{number}</wp:post_id><wp:comment_status>open</wp:comment_status>\n"
    for n in range(first + 1, first + count + 1):
        parent = dice.randrange(first + 1, n) if n > first + 1 and dice.random() < 0.33 else 0
        status = dice.choices(["1", "0", "spam", "trash"], [90, 2, 6, 2])[0]
        lines = (" ".join(dice.choices(WORDS, k=dice.randrange(4, 16))) for _ in range(dice.randrange(1, 4)))
        body = "\n\n".join(lines) + dice.choice(["", "", " <b>!</b>", ' <a href="https://a.example/">a</a>'])
        person = dice.randrange(1, 3000)
        yield (
            f"<wp:comment><wp:comment_id>{n}</wp:comment_id>"
            f"<wp:comment_author><![CDATA[Reader {person}]]></wp:comment_author>"
            f"<wp:comment_author_email>reader{person}@example.com</wp:comment_author_email>"
            f"<wp:comment_author_IP>203.0.113.{person % 250}</wp:comment_author_IP>"
            f"<wp:comment_date_gmt>20{n % 20 + 5:02}-01-02 03:04:{n % 60:02}</wp:comment_date_gmt>"
            f"<wp:comment_content><![CDATA[{body}]]></wp:comment_content>"
            f"<wp:comment_approved>{status}</wp:comment_approved><wp:comment_type>comment</wp:comment_type>"
            f"<wp:comment_parent>{parent}</wp:comment_parent></wp:comment>\n"
        )
    yield "</item>\n"


def _rate(size: int, work, *given) -> float:
    started = time.process_time()
    work(*given)
    return size / (time.process_time() - started)


def _read(file: Path) -> None:
    for _ in READERS["wordpress"](file):
        pass


def _import(file: Path, size: int, sqlite: Path, *, unchanged: int = 0) -> tuple[float, float]:
    """Comments for each CPU second, and peak memory of the process in MiB."""
    environment = {"DATABASE_URL": f"sqlite:///{sqlite}", "SECRET_KEY": "bench" * 8, "FLASK_APP": "app"} | os.environ
    flask = [str(Path(sys.executable).with_name("flask"))]
    if not unchanged:
        subprocess.run([*flask, "db", "upgrade"], cwd=ROOT, env=environment, capture_output=True, check=True)
        site = ["site", "add", f"bench-{size}", "--name", "Bench", "--origin", "https://paper.example"]
        subprocess.run([*flask, *site], cwd=ROOT, env=environment, capture_output=True, check=True)
    command = [*flask, "import", "wordpress", str(file), "--site", f"bench-{size}", "--json"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        report = json.load(process.stdout)
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    assert (report["imported"], report["unchanged"]) == (size - unchanged, unchanged), report
    return size / (used.ru_utime + used.ru_stime), used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
