"""The one way an act is turned down."""

from weilu.kernel.clauses import Clause


class Refused(Exception):
    """The act was refused and nothing has changed.

    `reason` is the sentence a person reads, `clause` the rule it rests on, `help` who or what
    leads on, `field` the entry it belongs to, where there is one; `who` is the key of the role whose
    holders can help, for the page to name them.
    """

    def __init__(
        self, reason: str, clause: Clause | None = None, *, help: str = "", field: str = "", who: str = ""
    ) -> None:
        self.reason, self.clause, self.help, self.field = str(reason), clause, str(help), field
        self.who = who
        super().__init__(self.reason if clause is None else f"{self.reason} [{clause}]")


class Stale(Refused):
    """The page acted on a state that has moved on since it was shown."""


class NotVisible(Exception):
    """The object does not exist for this person; answered as 404, whatever the truth."""
