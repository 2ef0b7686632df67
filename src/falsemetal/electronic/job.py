"""What jobs of all engines share."""


class JobError(ValueError):
    """A job that cannot be written; the message says what to change."""
