"""Records: one file each, with its columns, its own arithmetic and its named queries."""

from app.models.alias import ThreadAlias
from app.models.announcement import Announcement
from app.models.api_answer import ApiAnswer
from app.models.api_token import ApiToken, Scope
from app.models.asked_opinion import AskedOpinion, Sample
from app.models.audit import AuditEvent
from app.models.authenticator_app import AuthenticatorApp
from app.models.author import Author
from app.models.chain_day import ChainDay
from app.models.chain_entry import ChainEntry
from app.models.chain_head import ChainHead
from app.models.checker import Checker, CheckerAnswer, Mode, Said, Trouble
from app.models.comment import Comment, Status
from app.models.decision import Actor, Decision
from app.models.delivery import Delivery
from app.models.email_change import EmailChange
from app.models.handover import Handover
from app.models.heartbeat import Heartbeat
from app.models.identity import Identity
from app.models.insert import DuplicateComment, insert_comment, insert_record
from app.models.invitation import Invitation
from app.models.job import Job, JobKind, JobState
from app.models.keyring import KeyPrint
from app.models.lease import Lease
from app.models.legal_hold import LegalHold
from app.models.login import Login
from app.models.member_key import MemberKey
from app.models.moderator import Emails, Membership, Moderator, Role
from app.models.note import Note
from app.models.notice import Claim, Notice, NoticeEvent, NoticeState, Outcome, Party, claim_name
from app.models.passkey import Passkey
from app.models.password_reset import PasswordReset
from app.models.pending_login import PendingLogin
from app.models.pick import Pick
from app.models.rate_limit import Rate, RateLimit
from app.models.reason import Reason, own_reasons_of, reason_codes, reason_name
from app.models.recovery_code import RecoveryCode
from app.models.rejection_model import RejectionModel
from app.models.report import Report
from app.models.revision import Revision
from app.models.rule import Effect, Rule, Subject
from app.models.search_segment import DirtyComment, SearchSegment, SegmentPage
from app.models.second_opinion import SecondOpinion
from app.models.setup_link import SetupLink
from app.models.shared_list import LineState, ListLine, ListSubscription, PublishedList
from app.models.site import Site
from app.models.site_counter import CounterMark, SiteCounter
from app.models.snooze import Snooze
from app.models.spam_model import SpamModel
from app.models.subscription import Notify, Subscription
from app.models.thread import Thread
from app.models.thread_change import ThreadChange
from app.models.thread_state import State
from app.models.training_example import TrainingExample
from app.models.turn import Turn
from app.models.unsubscribe import Unsubscribe
from app.models.vote import Vote
from app.models.webhook import Webhook, WebhookEvent, WebhookFormat, WebhookState
from app.models.webhook_delivery import WebhookDelivery
from app.models.wording import Wording, Words, words_of

__all__ = [
    "Actor",
    "Announcement",
    "ApiAnswer",
    "ApiToken",
    "AskedOpinion",
    "AuditEvent",
    "AuthenticatorApp",
    "Author",
    "ChainDay",
    "ChainEntry",
    "ChainHead",
    "Checker",
    "CheckerAnswer",
    "Claim",
    "Comment",
    "CounterMark",
    "Decision",
    "Delivery",
    "DirtyComment",
    "DuplicateComment",
    "Effect",
    "EmailChange",
    "Emails",
    "Handover",
    "Heartbeat",
    "Identity",
    "Invitation",
    "Job",
    "JobKind",
    "JobState",
    "KeyPrint",
    "Lease",
    "LegalHold",
    "LineState",
    "ListLine",
    "ListSubscription",
    "Login",
    "MemberKey",
    "Membership",
    "Mode",
    "Moderator",
    "Note",
    "Notice",
    "NoticeEvent",
    "NoticeState",
    "Notify",
    "Outcome",
    "Party",
    "Passkey",
    "PasswordReset",
    "PendingLogin",
    "Pick",
    "PublishedList",
    "Rate",
    "RateLimit",
    "Reason",
    "RecoveryCode",
    "RejectionModel",
    "Report",
    "Revision",
    "Role",
    "Rule",
    "Said",
    "Sample",
    "Scope",
    "SearchSegment",
    "SecondOpinion",
    "SegmentPage",
    "SetupLink",
    "Site",
    "SiteCounter",
    "Snooze",
    "SpamModel",
    "State",
    "Status",
    "Subject",
    "Subscription",
    "Thread",
    "ThreadAlias",
    "ThreadChange",
    "TrainingExample",
    "Trouble",
    "Turn",
    "Unsubscribe",
    "Vote",
    "Webhook",
    "WebhookDelivery",
    "WebhookEvent",
    "WebhookFormat",
    "WebhookState",
    "Wording",
    "Words",
    "claim_name",
    "insert_comment",
    "insert_record",
    "own_reasons_of",
    "reason_codes",
    "reason_name",
    "words_of",
]
