"""Errors of jobs and of their outputs."""


class JobError(ValueError):
    """A job that cannot be written or run; the message says what to change."""


class ResultError(ValueError):
    """An output that cannot be read; the message names the file and the mend."""
