"""Two kinds of trouble that are no bugs: a polite "no" to a person, and another service that takes nothing."""


class Refused(Exception):
    """Something that may not be done; shown to people, never a bug.

    `code` is for programs and stable, `sentence` is in the reader's language, `field` names the form field
    it belongs to (or None), `status` is the HTTP status of the answer.
    """

    def __init__(self, code: str, sentence: str, *, field: str | None = None, status: int = 422):
        super().__init__(code)
        self.code = code
        self.sentence = str(sentence)
        self.field = field
        self.status = status


class NotSent(Exception):
    """Another service did not take what must go out; `for_good` when it says that it never will."""

    def __init__(self, trouble: str, *, for_good: bool = False):
        super().__init__(trouble)
        self.for_good = for_good
