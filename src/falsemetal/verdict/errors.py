"""What a check refuses."""


class CheckError(ValueError):
    """Input that cannot be checked, or a calculator that fails; the message says what to do."""
