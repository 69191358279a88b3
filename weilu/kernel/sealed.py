"""What the database answers where nothing may be entered in the log any more: during an upgrade, and after a move."""

SEALED = "weilu sealed"


def is_sealed(problem: BaseException) -> bool:
    """Whether a database error says that the log is closed."""
    return SEALED in str(problem)
