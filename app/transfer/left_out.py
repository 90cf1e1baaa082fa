"""Columns and tables that an archive leaves out, with the reasons."""

OWNER = {"site_id": "the archive is of one site"}
KEYED = "made with this installation's key, and only for noticing a double of the last days"
RECOMPUTED = "a keyed hash, recomputed with the key of the importing installation"
FETCHED = "the list is fetched again at once"
TRUST = "a keyed hash; an author is recognised again from the next comment on"
RETRAINED = "trained again from the decisions: flask upkeep retrain"
TREE = "the place in the tree follows from the parents and the site's max_depth"

SITE_LEFT_OUT = {
    "id": "the number of another installation",
    "key": "the operator names the site on import",
    "archive_shift": "about an earlier archive, not about the site",
    "first_view_at": "about the pages that embed this installation",
    "pressed_until": "a burst of comments here and now",
    "factor_role": "how moderators log in is for the installation to say",
}
LEFT_OUT = {
    "moderator": "by name and email only; passwords, log-ins and roles are set by `flask moderator`",
    "membership": "who may moderate is for the installation to say",
    "invitation": "grants access",
    **dict.fromkeys(("login", "password_reset", "email_change"), "grants access"),
    "audit_event": "about this installation's accounts and their log-ins",
    "chain_head": "of the decisions: the last one's; of the audit log: about this installation's accounts",
    "api_token": "grants access",
    "api_answer": "what a program was told on the last day",
    "asked_opinion": "asked of a moderator of this installation in these days",
    "member_key": "grants access",
    "published_list": "its key signs for this installation; the other one publishes with a new one",
    **dict.fromkeys(("webhook", "webhook_delivery"), "the secrets and addresses of another installation's programs"),
    **dict.fromkeys(("pending_login", "passkey", "authenticator_app", "recovery_code"), "of accounts, for log-in"),
    "identity": "of accounts, for log-in",
    "rate_limit": "how much a network used lately",
    **dict.fromkeys(("delivery", "announcement"), "emails are never sent again"),
    **dict.fromkeys(("site_counter", "counter_mark"), "counted again"),
    "setup_link": "grants access",
    "key_print": "about this installation's keys",
    "checker_answer": "measured again, by the installation that asks",
    "job": "an import or export of the last days",
    **dict.fromkeys(("heartbeat", "turn"), "about this installation's processes"),
    "lease": "who looks at what this minute",
    "handover": "what a moderator tells the next one today",
    "snooze": "what a moderator put off for an hour",
    "spam_model": RETRAINED,
    "training_example": RETRAINED,
    "rejection_model": "trained again from the decisions by the worker",
    **dict.fromkeys(("search_segment", "segment_page", "dirty_comment"), "rebuilt from the comments, for search"),
    "vote": "keyed hashes of the last days; their number is the comment's",
    "unsubscribe": "keyed hashes; said of the authors instead (`silent`)",
}
