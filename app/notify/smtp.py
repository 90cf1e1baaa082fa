"""Build emails (RFC 5322) and send them by SMTP."""

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from urllib.parse import SplitResult, unquote, urlsplit

from flask import current_app

from app.errors import NotSent
from app.lib.secrets import is_unreadable
from app.lib.text import clean_line, excerpt
from app.notify import headers

TIMEOUT = 20  # seconds, for each answer of the server
# For a whole email; well below the lease of its claim, or another worker could send it again.
LONGEST = 120.0  # seconds
NAME_LENGTH = 70  # characters; longer names have only been seen in attacks
SUBJECT_LENGTH = 150  # characters


def build_message(
    *,
    to: str,
    name: str,
    subject: str,
    text: str,
    html: str,
    message_id: str,
    date: datetime,
    unsubscribe: str = "",
    sender: str = "",
) -> EmailMessage:
    """Build an email in plain text and HTML; names and subject may be untrusted.

    `sender` replaces the name in MAIL_FROM. `unsubscribe` is a one-click URL (RFC 8058).
    Raises NotSent for an unusable address.
    """
    if is_unreadable(to):
        raise NotSent("The email address cannot be decrypted.", for_good=True)
    message = EmailMessage(policy=headers.POLICY)
    for header, value in {
        "Message-ID": message_id,
        "Date": format_datetime(date),
        "From": _mailbox("From", *_sender(sender)),
        "To": _mailbox("To", name, to),
        "Subject": headers.text("Subject", excerpt(clean_line(subject), SUBJECT_LENGTH)),
        # RFC 3834: no automatic replies.
        "Auto-Submitted": "auto-generated",
        **(_unsubscribe(unsubscribe) if unsubscribe else {}),
    }.items():
        headers.put(message, header, value)
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message


def send(message: EmailMessage) -> None:
    """Send through the server of MAIL_URL. Raises NotSent."""
    sender, receiver = (message[name].addresses[0].addr_spec for name in ("From", "To"))
    try:
        with connect() as server, _time_limit(server):
            server.sendmail(sender, [receiver], message.as_bytes())
    except smtplib.SMTPRecipientsRefused as trouble:
        code, answer = next(iter(trouble.recipients.values()))
        raise NotSent(_reply(code, answer), for_good=code >= 500) from trouble
    except smtplib.SMTPResponseException as trouble:
        raise NotSent(_reply(trouble.smtp_code, trouble.smtp_error), for_good=_is_permanent(trouble)) from trouble
    except (smtplib.SMTPException, OSError) as trouble:
        raise NotSent(f"{type(trouble).__name__}: {trouble}", stalled=True) from trouble


@contextmanager
def _time_limit(server: smtplib.SMTP) -> Iterator[None]:
    """Close the connection of a slow server: single reads would not time out."""
    timed_out = threading.Event()
    timer = threading.Timer(LONGEST, _hang_up, (server, timed_out))
    timer.daemon = True
    timer.start()
    try:
        yield
    except smtplib.SMTPException as trouble:
        # A partial answer at the time limit is none.
        raise TimeoutError(f"no whole answer in {LONGEST:g} s") if timed_out.is_set() else trouble from None
    finally:
        timer.cancel()


def _hang_up(server: smtplib.SMTP, timed_out: threading.Event) -> None:
    timed_out.set()
    with suppress(OSError):
        if server.sock:
            # Closing TLS would wait for the other side.
            socket.socket.shutdown(server.sock, socket.SHUT_RDWR)


def connect() -> smtplib.SMTP:
    """Connect with STARTTLS if offered, and log in. Raises what smtplib and sockets raise."""
    url = urlsplit(current_app.config["MAIL_URL"])
    server = _open(url)
    try:
        server.ehlo()
        if url.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
    except BaseException:
        server.close()
        raise
    return server


def _open(url: SplitResult) -> smtplib.SMTP:
    host = url.hostname or "localhost"
    if url.scheme == "smtps":
        return smtplib.SMTP_SSL(host, url.port or 465, timeout=TIMEOUT, context=ssl.create_default_context())
    return smtplib.SMTP(host, url.port or 587, timeout=TIMEOUT)


def _sender(shown: str) -> tuple[str, str]:
    name, address = parseaddr(current_app.config["MAIL_FROM"])
    return shown or name or "Kaiwa", address


def _mailbox(header: str, name: str, address: str) -> str:
    # A name with an @ could be shown as an address.
    shown = excerpt(clean_line(name).replace("@", "＠"), NAME_LENGTH)
    try:
        return headers.mailbox(header, shown, address)
    except ValueError as trouble:
        raise NotSent(str(trouble), hopeless=True) from trouble


def _unsubscribe(unsubscribe: str) -> dict[str, str]:
    return {"List-Unsubscribe": f"<{unsubscribe}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _is_permanent(trouble: smtplib.SMTPResponseException) -> bool:
    """False for a rejected log-in or greeting, which the operator can fix."""
    return trouble.smtp_code >= 500 and isinstance(trouble, smtplib.SMTPDataError | smtplib.SMTPSenderRefused)


def _reply(code: int, answer: bytes | str) -> str:
    return f"{code} {answer.decode(errors='replace') if isinstance(answer, bytes) else answer}"
