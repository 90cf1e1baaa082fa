"""`flask check`: find configuration errors and name the fix for each."""

import json

import click
from flask.cli import with_appcontext

from app.desk.checks import all_findings
from app.lib.language import SOURCE, speaking
from app.version import VERSION


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help='Print {"ok", "version", "findings": [{"code", ...}]}.')
@with_appcontext
def check(as_json: bool) -> None:
    """Check the configuration and say how to fix each problem. Exit code 1 if there is one."""
    with speaking(SOURCE):
        findings = list(all_findings())
    if as_json:
        # "mend" is the old name of "fix", until 0.2.
        shown = [{"code": code, "wrong": wrong, "fix": fix, "mend": fix} for code, wrong, fix in findings]
        click.echo(json.dumps({"ok": not findings, "version": VERSION, "findings": shown}, ensure_ascii=False))
    else:
        click.echo(f"Kaiwa {VERSION}")
        for _code, wrong, fix in findings:
            click.echo(f"{wrong}\n  {fix}")
        click.echo(f"Problems found: {len(findings)}." if findings else "No problems found.")
    raise SystemExit(1 if findings else 0)
