"""Domains under which anyone can register or get a name, such as com, co.jp and github.io (publicsuffix.org)."""

from functools import cache

from publicsuffixlist import PublicSuffixList


def is_public_suffix(host: str) -> bool:
    """True for a suffix as such, in ASCII, and for the parent of nothing but suffixes, such as kawasaki.jp.

    False for names below it.
    """
    return any(_suffixes().is_public(each) for each in (host, f"any-other-name.{host}"))


@cache
def _suffixes() -> PublicSuffixList:
    # Reading the list takes a tenth of a second.
    return PublicSuffixList()
