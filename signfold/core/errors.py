"""The one error that users are meant to see."""


class SignfoldError(Exception):
    """An error that the user can correct.

    The message names the file, the row or key, what was found, what was expected, and what to do. The command line
    and the workflow's scripts print it without a traceback.
    """


class UnreadableFile(SignfoldError):
    """A file that is damaged, or not what its name says."""


class CannotWrite(SignfoldError):
    """The system lets nothing be written: the disk is full or read-only. Nothing that follows can succeed either."""
