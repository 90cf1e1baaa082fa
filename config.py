"""The settings of the installation: name, default, purpose, validation at start."""

import ipaddress
import os
import re
import secrets
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import idna
from flask.cli import NoAppException

SOURCE = Path(__file__).parent
SERVER = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^:\[\]@]+))(?::(?P<port>[0-9]{1,5}))?")
MOST_PUBLIC_URL = 500  # characters; a line of an email has room for it and a token (RFC 5322, 2.1.1)


class BadSetting(NoAppException):
    """An invalid setting; the message names it and the fix, and `flask` shows it without a traceback."""


@dataclass(frozen=True)
class Setting:
    name: str
    default: str
    unit: str
    help: str
    parse: Callable[[str], Any] = str


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise ValueError(f"must be from {low} to {high}")
        return number

    return parse


def _address(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        if text and not (parts.scheme in schemes and parts.hostname and parts.port != 0):
            raise ValueError(f"must start with one of {', '.join(s + '://' for s in schemes)}, followed by a host")
        return text

    return parse


def _dsn(text: str) -> str:
    """Sentry's own library refuses the same, but only when the web server's processes start."""
    parts = urlsplit(_address("http", "https")(text))
    if text and not (parts.username and parts.path.rpartition("/")[2].isdecimal()):
        raise ValueError("must have a key and the number of a project, such as https://key@sentry.example.org/1")
    return text


def _token(text: str) -> str:
    # Another character in a header arrives as something else, or not at all.
    if not re.fullmatch(r"[!-~]*", text):
        raise ValueError("must be ASCII without spaces; make one with: openssl rand -hex 32")
    return text


def _public_url(text: str) -> str:
    """The address as browsers write it: every link, redirect and header starts with it."""
    parts = urlsplit(text)
    fine = (
        parts.scheme in ("http", "https")
        and parts.hostname
        and "@" not in parts.netloc
        and not (parts.query or parts.fragment or set("?#") & set(text))
        and re.fullmatch(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/*", parts.path)
        and len(text) <= MOST_PUBLIC_URL
    )
    if not fine:
        raise ValueError("must be an address such as https://comments.example.org or https://example.org/comments")
    host = _host(parts.hostname or "")
    port = f":{parts.port}" if parts.port not in (None, {"http": 80, "https": 443}[parts.scheme]) else ""
    return f"{parts.scheme}://{host}{port}{parts.path}".rstrip("/")


def _host(name: str) -> str:
    if ":" in name:
        return f"[{ipaddress.IPv6Address(name).compressed}]"
    host = name if name.isascii() else idna.encode(name, uts46=True).decode()
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", host):
        raise ValueError("must have a host name such as comments.example.org")
    return host


def _sender(text: str) -> str:
    """`address` or `Name <address>`; the address in ASCII, as every mail server can carry it."""
    name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}", local) or not domain or text.count("@") != 1:
        raise ValueError("must be an email address such as kaiwa@example.org, with only ASCII before the @")
    sender = f"{local}@{_host(domain.lower())}"
    return f"{quoted} <{sender}>" if (quoted := _quoted(name)) else sender


def _quoted(name: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"' if name else ""


def _networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip()]


def database_url(text: str) -> str:
    """SQLAlchemy's address; PostgreSQL's own forms get the driver that we ship (psycopg 3)."""
    for plain in ("postgres://", "postgresql://", "postgresql+psycopg://"):
        if text.startswith(plain):
            return "postgresql+psycopg://" + _one_host(text.removeprefix(plain))
    if not text.startswith("sqlite://"):
        raise ValueError("must start with sqlite:// or postgresql://")
    return text


def _replica_url(text: str) -> str:
    url = database_url(text)
    if url.startswith("sqlite"):
        raise ValueError("must start with postgresql://: SQLite has no replicas")
    return url


def _one_host(address: str) -> str:
    """libpq's list of servers (`h1:5432,h2`, libpq 34.1.1.2) as the parameters in which SQLAlchemy takes it."""
    place, slash, rest = address.partition("/")
    user, at, servers = place.rpartition("@")
    if "," not in servers:
        return address
    found = [SERVER.fullmatch(each) for each in servers.split(",")]
    if not all(found):
        raise ValueError("the servers must be host:port,host:port")
    hosts = ",".join(quote(match["six"] or match["host"]) for match in found if match)
    ports = ",".join(match["port"] or "5432" for match in found if match)
    name, _, query = rest.partition("?")
    return f"{user}{at}{slash or '/'}{name}?host={hosts}&port={ports}{'&' if query else ''}{query}"


def _service(text: str) -> str:
    parts = urlsplit(text)
    near = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or not (parts.scheme == "https" or near):
        raise ValueError("must start with https://, or with http:// and an address of this machine")
    return text.rstrip("/")


def _issuer(text: str) -> str:
    """Kept as typed: the provider must name exactly this one (OpenID Connect Discovery 1.0, 3)."""
    parts = urlsplit(text)
    if not text.isprintable() or " " in text or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be an address without user, query and fragment")
    _service(text)
    return text


def _switch(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return text.lower() == "yes"


def _group_roles(text: str) -> list[tuple[str, str, str]]:
    """`GROUP=SITE:ROLE; ...`; a group's name may have any other character, as names of directories do."""
    return [_group_role(part.strip()) for part in text.split(";") if part.strip()]


def _group_role(part: str) -> tuple[str, str, str]:
    group, _, given = part.rpartition("=")
    site, _, role = given.partition(":")
    group, site, role = group.strip(), site.strip(), role.strip()
    if not group or not site or role not in ("moderator", "admin", "owner"):
        raise ValueError(f"{part!r} must be GROUP=SITE:ROLE with the role moderator, admin or owner")
    return group, site, role


def _scopes(text: str) -> str:
    # RFC 6749, 3.3.
    if "openid" not in text.split() or not re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", text):
        raise ValueError("must be names with spaces between them, among them openid")
    return text


def _lines(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _contacts(text: str) -> list[str]:
    """RFC 9116, 2.5.3."""
    contacts = _lines(text)
    if not all(re.fullmatch(r"(?:mailto:[^\s@]+@[^\s@]+|https://\S+|tel:[+0-9-]+)", each) for each in contacts):
        raise ValueError("must start with mailto:, https:// or tel:")
    return contacts


def _recipients(text: str) -> str:
    """Public keys of age (https://age-encryption.org/v1); their checksums are verified when they are used."""
    keys = _lines(text)
    if not all(re.fullmatch(r"age1[0-9a-z]{58}", each) for each in keys):
        raise ValueError("must be keys that start with age1, as flask upkeep backup-key prints them")
    return ",".join(keys)


def _command(text: str) -> list[str]:
    """Words of a command line in the shell's quoting."""
    return shlex.split(text)


def _level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return text.upper()


SETTINGS = (
    Setting(
        "DATABASE_URL",
        "",
        "address",
        "URL of the database. Empty: SQLite in the instance folder. PostgreSQL: postgresql://user:password@host/name.",
        lambda text: database_url(text) if text else "",
    ),
    Setting(
        "DATABASE_READ_URL",
        "",
        "address",
        "URL of a replica of a PostgreSQL database, with which it shares the reading: comments of threads, feeds, "
        "searches of moderators. Empty: none.",
        lambda text: _replica_url(text) if text else "",
    ),
    Setting(
        "DATABASE_READ_LAG",
        "5",
        "seconds",
        "How far the replica may be behind; otherwise the primary answers. Threads and feeds are never older than on "
        "the primary; a search may be, but for what the moderator has done.",
        _whole(1, 3600),
    ),
    Setting(
        "DATABASE_CONNECT_TIMEOUT",
        "5",
        "seconds",
        "Timeout for connecting to PostgreSQL.",
        _whole(2, 600),
    ),
    Setting(
        "READ_TIMEOUT",
        "5",
        "seconds",
        "Time limit of a public page, including waiting for a thread, for locks and for the database. After that "
        "it answers 503. Cached pages are still served, up to a minute old.",
        _whole(1, 600),
    ),
    Setting(
        "POST_TIMEOUT",
        "15",
        "seconds",
        "Time limit of a comment and other posts by readers, from the arrival of the whole request.",
        _whole(1, 600),
    ),
    Setting(
        "DESK_TIMEOUT",
        "30",
        "seconds",
        "Time limit of all other requests: moderators, the API. Of a download, for each part.",
        _whole(1, 3600),
    ),
    Setting(
        "WORKER_TIMEOUT",
        "300",
        "seconds",
        "Time limit of one statement of the worker, on PostgreSQL. Commands have none.",
        _whole(10, 86400),
    ),
    Setting(
        "SECRET_KEY",
        "",
        "text of 32 characters or more",
        "Signs tokens and sessions, and encrypts email addresses; without it the addresses are lost. With SQLite "
        "a key is generated and stored in the instance folder; with PostgreSQL it is required.",
    ),
    Setting(
        "SECRET_KEY_FALLBACKS",
        "",
        "comma-separated texts",
        "Earlier keys, newest first, for values that they signed or encrypted. How to replace a key: docs/keys.md.",
        _lines,
    ),
    Setting(
        "KAIWA_HOME",
        "",
        "folder",
        "Instance folder, which has the SQLite database, generated keys and uploaded files. Empty: instance in the "
        "source folder, or in the current folder if Kaiwa was installed as a package.",
    ),
    Setting("HOST", "127.0.0.1", "address", "Address that the web server listens on.", str),
    Setting("PORT", "8000", "port", "Port of the web server; the demo articles use the next one.", _whole(1, 65534)),
    Setting(
        "WORKERS",
        "2",
        "processes",
        "Number of web server processes; one for each core is a good start.",
        _whole(1, 256),
    ),
    Setting(
        "PAGE_CACHE_MB",
        "64",
        "megabytes",
        "Size of the cache of public pages in each process; 0 turns it off. Until 0.2 the old name EDGE_MB works too.",
        _whole(0, 65_536),
    ),
    Setting(
        "PUBLIC_URL",
        "",
        "address",
        "Public URL of this service, used in all links. It may have a path, such as https://example.org/comments, "
        "if the proxy serves Kaiwa below it. Empty: http://127.0.0.1:PORT.",
        lambda text: _public_url(text) if text else "",
    ),
    Setting(
        "MAIL_URL",
        "",
        "smtp:// or smtps:// address",
        "Mail server: smtp://user:password@host:587 (STARTTLS if offered) or smtps://host:465. Empty: emails wait "
        "in the outbox.",
        _address("smtp", "smtps"),
    ),
    Setting(
        "MAIL_FROM",
        "kaiwa@localhost",
        "email address",
        "Sender of all emails: kaiwa@example.org or Kaiwa <kaiwa@example.org>. Only ASCII before the @; an "
        "internationalized domain is sent as xn--.",
        _sender,
    ),
    Setting(
        "TRUSTED_PROXIES",
        "",
        "comma-separated networks",
        "Proxies whose X-Forwarded-For and X-Forwarded-Proto headers are trusted, such as 127.0.0.1/32.",
        _networks,
    ),
    Setting(
        "METRICS_ALLOWED",
        "127.0.0.1/32,::1/128",
        "comma-separated networks",
        "Networks that may read /metrics without a token.",
        _networks,
    ),
    Setting(
        "METRICS_TOKEN", "", "text", "Bearer token for reading /metrics from any network. Empty: no token.", _token
    ),
    Setting(
        "PROMETHEUS_MULTIPROC_DIR",
        "",
        "folder",
        "Folder in which the processes of a machine count for /metrics, if flask worker is started apart from flask "
        "serve. Empty: flask serve makes one for its own processes.",
    ),
    Setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "http:// or https:// address",
        "Receiver of traces (OTLP over HTTP), such as http://127.0.0.1:4318; needs the extra kaiwa[otel]. Empty: no "
        "traces.",
        _address("http", "https"),
    ),
    Setting(
        "SENTRY_DSN",
        "",
        "http:// or https:// address",
        "DSN of a Sentry project, or of a service with its protocol, for reports of unexpected errors; needs the extra "
        "kaiwa[sentry]. Empty: no reports.",
        _dsn,
    ),
    Setting(
        "BACKUP_RECIPIENTS",
        "",
        "comma-separated age1... keys",
        "Public keys to which flask upkeep backup encrypts. Empty: backups are not encrypted.",
        _recipients,
    ),
    Setting(
        "BACKUP_KEEP",
        "0",
        "backups",
        "Number of backups that flask upkeep backup keeps in its folder; 0 keeps all.",
        _whole(0, 100_000),
    ),
    Setting(
        "BACKUP_COMMAND",
        "",
        "command",
        "Command that copies each backup elsewhere: it is run without a shell, with the path of the file as its last "
        "argument.",
        _command,
    ),
    Setting(
        "PG_BIN",
        "",
        "folder",
        "Folder of PostgreSQL's programs for backups. Empty: those in PATH or of Debian, if they are new enough.",
    ),
    Setting(
        "BACKUP_MAX_HOURS",
        "48",
        "hours",
        "Age of the last backup from which flask check, the system page and the alerts complain; 0 if other programs "
        "than flask upkeep backup make the backups.",
        _whole(0, 8_760),
    ),
    Setting(
        "DRILL_MAX_DAYS",
        "90",
        "days",
        "Age of the last restore drill (flask upkeep drill) from which they complain; 0: never.",
        _whole(0, 3_650),
    ),
    Setting(
        "UNDO_WINDOW",
        "15",
        "seconds",
        "Delay of emails about a decision, so that undo can recall them.",
        _whole(0, 3600),
    ),
    Setting(
        "DIGEST_EVERY",
        "900",
        "seconds",
        "Shortest time between two emails about pending comments to one moderator.",
        _whole(1, 86400),
    ),
    Setting(
        "AKISMET_URL",
        "https://rest.akismet.com/1.1",
        "https:// address",
        "Akismet, or another service with its protocol, for sites with an Akismet key; http only on this machine.",
        _service,
    ),
    Setting(
        "FLOOD_HOLD",
        "600",
        "seconds",
        "How long a site holds all comments after a burst.",
        _whole(1, 86400),
    ),
    Setting(
        "SESSION_HOURS",
        "12",
        "hours",
        "How long a moderator stays logged in without activity.",
        _whole(1, 720),
    ),
    Setting(
        "SESSION_DAYS",
        "14",
        "days",
        "How long a moderator stays logged in at most, also with activity.",
        _whole(1, 365),
    ),
    Setting(
        "CONFIRM_MINUTES",
        "15",
        "minutes",
        "How long after entering the password a moderator is not asked for it again before actions such as inviting, "
        "exporting and erasing.",
        _whole(1, 1440),
    ),
    Setting(
        "OIDC_ISSUER",
        "",
        "https:// address",
        "Identity provider (OpenID Connect) that moderators log in with: docs/single-sign-on.md. Exactly as the "
        "provider writes it, including a slash at the end; http only on this machine. Empty: none.",
        lambda text: _issuer(text) if text else "",
    ),
    Setting("OIDC_CLIENT_ID", "", "text", "Client ID of Kaiwa at the identity provider."),
    Setting("OIDC_CLIENT_SECRET", "", "text", "Client secret. Empty: a public client, with PKCE only."),
    Setting("OIDC_NAME", "", "text", "Name on the button “Log in with ...”. Empty: the host of OIDC_ISSUER."),
    Setting(
        "OIDC_SCOPES",
        "openid email profile",
        "names with spaces between them",
        "Scopes that Kaiwa asks for; some providers want one more for groups.",
        _scopes,
    ),
    Setting(
        "OIDC_GROUPS",
        "",
        "GROUP=SITE:ROLE; ...",
        "Roles by groups, such as: newsroom=daily:moderator; chiefs=daily:owner. They are given and taken back at "
        "each log-in with the identity provider. Empty: roles are given in Kaiwa only.",
        _group_roles,
    ),
    Setting("OIDC_GROUPS_CLAIM", "groups", "text", "Name of the claim with the groups.", str),
    Setting(
        "OIDC_FACTOR",
        "mfa",
        "comma-separated texts",
        "Values of the claims amr and acr that mean: the identity provider has checked a second factor. Without one "
        "of them, Kaiwa asks for its own. Empty: always its own.",
        _lines,
    ),
    Setting(
        "OIDC_TRUST_EMAIL",
        "no",
        "yes or no",
        "Accept email addresses of the identity provider that it does not call verified. Only for a directory in "
        "which administrators alone set addresses, such as one’s own tenant of Entra ID.",
        _switch,
    ),
    Setting(
        "OIDC_ONLY",
        "no",
        "yes or no",
        "Accounts that are linked to the identity provider log in with it only: no password, no passkey alone.",
        _switch,
    ),
    Setting(
        "OIDC_HOURS",
        "12",
        "hours",
        "How long a log-in with the identity provider lasts at most; then it is asked again, and its groups count.",
        _whole(1, 8_760),
    ),
    Setting(
        "OIDC_PRIVATE_NETWORK",
        "no",
        "yes or no",
        "The identity provider may be in a private network.",
        _switch,
    ),
    Setting(
        "SECURITY_CONTACT",
        "",
        "comma-separated addresses",
        "Contact for security problems, in /.well-known/security.txt: mailto:security@example.org or "
        "https://example.org/security. Empty: no such file.",
        _contacts,
    ),
    Setting(
        "AUDIT_LOGIN_DAYS",
        "90",
        "days",
        "How long the audit log keeps log-ins and failed log-ins, with the network; 0 keeps them.",
        _whole(0, 36_500),
    ),
    Setting(
        "AUDIT_DAYS",
        "1095",
        "days",
        "How long the audit log keeps all other events, such as roles, settings and exports; 0 keeps them.",
        _whole(0, 36_500),
    ),
    Setting(
        "TRANSFER_FOLDER",
        "",
        "folder",
        "Folder of the files that administrators upload and export in the browser. Empty: transfers in the instance "
        "folder. Web servers and workers on several machines need a shared folder.",
    ),
    Setting(
        "TRANSFER_FILE_MB",
        "2048",
        "megabytes",
        "Largest file that an administrator may upload for an import. Larger ones: flask import.",
        _whole(1, 1_048_576),
    ),
    Setting(
        "TRANSFER_TOTAL_MB",
        "8192",
        "megabytes",
        "Size of all uploaded and exported files together; more are refused until some are deleted or expire.",
        _whole(1, 16_777_216),
    ),
    Setting(
        "TRANSFER_DAYS",
        "7",
        "days",
        "How long uploaded and exported files are kept. An upload is deleted when its import is done.",
        _whole(1, 90),
    ),
    Setting(
        "LOG_LEVEL",
        "INFO",
        "DEBUG, INFO, WARNING or ERROR",
        "Lowest level of logged messages (JSON lines on standard error).",
        _level,
    ),
)

# Accepted until 0.2.
FORMER_NAMES = {"PAGE_CACHE_MB": "EDGE_MB"}


def home(given: Mapping[str, Any] | None = None) -> Path:
    """The instance folder. A package has no source folder, and its own folder may be read-only."""
    named = (os.environ if given is None else given).get("KAIWA_HOME")
    around = SOURCE if (SOURCE / "pyproject.toml").is_file() else Path()
    return (Path(named) if named else around / "instance").absolute()


def load(given: Mapping[str, Any] | None = None, instance: Path | None = None) -> dict[str, Any]:
    """Read all settings from `given` (tests) or the environment, and return Flask's configuration.

    Raises BadSetting, naming the setting and the fix, for an invalid value.
    """
    source = os.environ if given is None else given
    instance = instance or home(source)
    config = {setting.name: _read(setting, source) for setting in SETTINGS}
    with _writing(instance):
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not config["DATABASE_URL"]:
        config["DATABASE_URL"] = f"sqlite:///{instance / 'kaiwa.sqlite3'}"
    if not config["PUBLIC_URL"]:
        config["PUBLIC_URL"] = f"http://127.0.0.1:{config['PORT']}"
    config["TRANSFER_FOLDER"] = config["TRANSFER_FOLDER"] or str(instance.resolve() / "transfers")
    if not config["SECRET_KEY"]:
        with _writing(instance):
            config["SECRET_KEY"] = _kept_key(config["DATABASE_URL"], instance / "secret_key")
    if config["DATABASE_READ_URL"] and config["DATABASE_URL"].startswith("sqlite"):
        raise BadSetting(
            "DATABASE_READ_URL is set, but DATABASE_URL is SQLite, which has no replicas. Remove DATABASE_READ_URL, or "
            "name the PostgreSQL server in DATABASE_URL."
        )
    if config["OIDC_ISSUER"] and not config["OIDC_CLIENT_ID"]:
        raise BadSetting("OIDC_CLIENT_ID must be set when OIDC_ISSUER is. The identity provider shows it.")
    if len(config["SECRET_KEY"]) < 32:
        raise BadSetting("SECRET_KEY is shorter than 32 characters. Generate one with: openssl rand -hex 32")
    return config | _flask(config)


def _read(setting: Setting, source: Mapping[str, Any]) -> Any:
    text = source.get(setting.name, source.get(FORMER_NAMES.get(setting.name, ""), setting.default))
    try:
        return setting.parse(str(text))
    except ValueError as trouble:
        raise BadSetting(f"{setting.name}={text!r} is invalid: {trouble}. {setting.help}") from trouble


@contextmanager
def _writing(instance: Path) -> Iterator[None]:
    try:
        yield
    except OSError as trouble:
        raise BadSetting(
            f"Could not write to the instance folder {instance} ({trouble.strerror}). Give it to this user, or name "
            "another folder with KAIWA_HOME."
        ) from trouble


def _kept_key(database: str, file: Path) -> str:
    if not database.startswith("sqlite"):
        raise BadSetting("SECRET_KEY must be set when DATABASE_URL is not SQLite; make one with: openssl rand -hex 32")
    return kept_secret(file, secrets.token_hex(32))


def kept_secret(file: Path, new: str) -> str:
    """The text of a file for its owner only; where there is no file, it is made with the new text.

    Of several processes that start together, one names its file, and the others read a complete file.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(new)
    with suppress(FileExistsError):
        file.hardlink_to(draft)
    draft.unlink()
    return file.read_text().strip()


def _on_postgresql(config: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    return {} if config["DATABASE_URL"].startswith("sqlite") else options


def _replica(url: str) -> dict[str, Any]:
    """The second engine. In a transaction, all statements of a read go to one server, also behind a pooler."""
    options = {"isolation_level": "READ COMMITTED", "execution_options": {"reads_only": False}}
    return {"replica": {"url": url, "connect_args": {"connect_timeout": 2}} | options} if url else {}


def _flask(config: dict[str, Any]) -> dict[str, Any]:
    secure = config["PUBLIC_URL"].startswith("https://")
    timeout = config["DATABASE_CONNECT_TIMEOUT"]
    path = urlsplit(config["PUBLIC_URL"]).path or "/"
    # Browsers take `__Host-` for the path / only (RFC 6265bis, 4.1.3.2).
    prefix = ("__Host-" if path == "/" else "__Secure-") if secure else ""
    return {
        "SQLALCHEMY_DATABASE_URI": config["DATABASE_URL"],
        "SQLALCHEMY_BINDS": _replica(config["DATABASE_READ_URL"]),
        "SQLALCHEMY_ENGINE_OPTIONS": _on_postgresql(config, {"connect_args": {"connect_timeout": timeout}}),
        "COOKIE_PREFIX": prefix,
        "SESSION_COOKIE_NAME": f"{prefix}kaiwa",
        "SESSION_COOKIE_PATH": path,
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        # 20,000 characters of Japanese are 180,000 bytes once a form has percent-encoded them.
        "MAX_CONTENT_LENGTH": 256 * 1024,
        "MAX_FORM_MEMORY_SIZE": 256 * 1024,
        "WTF_CSRF_TIME_LIMIT": None,
        # Pages behind emailed links send no Referer, which this check requires; the token is checked anyway.
        "WTF_CSRF_SSL_STRICT": False,
        "BABEL_DEFAULT_LOCALE": "ja",
    }
