"""What the stand cannot go on after."""


class StandFailed(Exception):
    """Says in one sentence what went wrong, and what to do."""
