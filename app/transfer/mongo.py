"""MongoDB's extended JSON, with values such as {"$oid": "..."}.

The format: mongodb.com/docs/manual/reference/mongodb-extended-json
"""

from datetime import datetime

from app.transfer.draft import instant

WRAPPED = ("$oid", "$numberLong", "$numberInt", "$numberDouble", "$uuid")


def plain(value: object) -> object:
    """An id or a number without its type."""
    if not isinstance(value, dict):
        return value
    return next((value[key] for key in WRAPPED if key in value), None)


def moment_of(value: object) -> datetime | None:
    """A date: relaxed and canonical form, or plain text, or milliseconds."""
    if isinstance(value, dict) and "$date" in value:
        value = value["$date"]
    value = plain(value)
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        value = int(value[:20])
    return instant(value)
