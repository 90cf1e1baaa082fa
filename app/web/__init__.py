"""HTML for people."""

from flask import Flask
from jinja2 import StrictUndefined

from app.desk import review_time
from app.lib import diff
from app.lib.secrets import is_unreadable
from app.models import reason_name
from app.models.badge import badge_text
from app.web import (
    access,
    account,
    address,
    audit,
    author_links,
    care,
    cases,
    checkers,
    comments,
    compressed,
    confirmation,
    context,
    covers,
    csp_reports,
    decisions,
    embed,
    errors,
    factors,
    feeds,
    fragments,
    headers,
    health,
    history,
    host,
    included,
    inquiries,
    keys,
    last_write,
    links,
    logins,
    member,
    member_keys,
    members,
    notice_links,
    notices,
    opinions,
    own_comment,
    own_lists,
    picks,
    privacy,
    profile,
    published_list,
    queue,
    reports,
    reset,
    rules,
    second_step,
    sections,
    setup,
    shared_lists,
    single_sign_on,
    sites,
    staff,
    start,
    states,
    statistics,
    summary,
    system,
    thread,
    threads,
    tokens,
    transfers,
    transparency,
    votes,
    webhooks,
    well_known,
    wording,
)

READERS = (
    embed, thread, included, comments, reports, votes, states, member, feeds, summary, links, author_links, own_comment,
    health, notices, notice_links, inquiries, setup, well_known,
    published_list,
)  # fmt: skip
MODERATORS = (
    account, second_step, single_sign_on, confirmation, profile, factors, logins, address, queue, decisions,
    context, picks, staff, cases, history, audit, sites, start, members, rules, threads, privacy, statistics,
    transparency, transfers, wording, sections, system, covers, own_lists, tokens, webhooks, checkers,
    member_keys, opinions, shared_lists, care,
)  # fmt: skip


def install(app: Flask) -> None:
    app.jinja_env.undefined = StrictUndefined
    compressed.install(app)
    for views in READERS + MODERATORS:
        app.register_blueprint(views.bp)
    for without_login in (members.answers, csp_reports.bp, reset.bp, address.links):
        app.register_blueprint(without_login)
    keys.install(app)
    app.add_template_filter(reason_name)
    app.add_template_filter(badge_text, "badge")
    app.add_template_global(access.this_page)
    app.add_template_test(is_unreadable, "unreadable")
    app.add_template_filter(diff.between, "changed_into")
    fragments.install(app)
    review_time.install(app)
    errors.install(app)
    headers.install(app)
    host.install(app)
    last_write.install(app)
