"""A polite "no": what is refused, in a sentence for the person who asked, and the field it belongs to."""


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
