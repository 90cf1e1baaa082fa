"""A site and its moderator, as in the tests of screening."""

from tests.screening.conftest import alice, paper

__all__ = ["alice", "paper"]
