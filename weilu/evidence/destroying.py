"""The body of a log record that must go: wiped with every other record and row of its item that repeats it.

Leaf, tree and proofs stay. What both sides have signed stays as well: a sheet is what the paper in somebody's hand
is checked against.
"""

from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from weilu.evidence.actions import stage
from weilu.evidence.bodies import Body, Shredding
from weilu.evidence.models import Entry, Staged
from weilu.evidence.queries import entries_of
from weilu.evidence.reach import blank, probes, repeats, typed
from weilu.kernel.events import announce
from weilu.kernel.models import Answered
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

KEPT = ("records.", "evidence.", "log.")  # kinds that both sides signed, or that prove others


class StillRead(Exception):
    """The database's log of writes could not be emptied, since somebody reads what stood before."""


def check_record(entry: Entry) -> None:
    """Only what people wrote into a work item goes, and files before the record that names them."""
    if entry.kind.startswith(KEPT) or not entry.item:
        raise Refused(_("只有工单办理的记录可以销毁正文；报告单、存证和人员权限的记录是凭据"), field="sha256")
    if entry.destroyed:
        raise Refused(_("这条记录的正文已经销毁"), field="sha256")
    if _names_a_file(entry):
        raise Refused(_("这条记录引用了文件。先销毁文件，再销毁正文"), field="sha256")


def _names_a_file(entry: Entry) -> bool:
    named = {file["sha256"] for file in entry.said["files"]}
    return Body.objects.filter(sha256__in=named, shredded_at__isnull=False).count() < len(named)


def bodies_of(entry: Entry) -> tuple[list[dict[str, Any]], bool]:
    """The files of an entry that can be asked for to be destroyed, and whether its record can."""
    files = [] if entry.kind.startswith("evidence.") else entry.said["files"]
    try:
        check_record(entry)
    except Refused:
        return files, False
    return files, True


def repeated_by(entry: Entry) -> tuple[list[Entry], list[Entry]]:
    """The other records of its item that repeat a line of it: those that go along, and those that stay."""
    known = probes(typed(entry.said["data"]))
    others = entries_of(entry.item).exclude(index=entry.index).exclude(kind__startswith="evidence.") if known else []
    same = [one for one in others if one.org == entry.org and repeats(one.said["data"], known)]
    going = [one for one in same if not one.kind.startswith(KEPT) and not _names_a_file(one)]
    return going, [one for one in same if one not in going]


def destroy_record(by: str, asked: Shredding, entry: Entry, said: dict[str, Any]) -> None:
    """Inside the act of the second person: nothing of it comes back, and the log says what went."""
    check_record(entry)
    if Staged.objects.filter(item=entry.item).exclude(kind__startswith="evidence.").exists():
        raise Refused(_("这件工单还有记录没有编入日志。过一分钟再批准"))
    going, texts = [entry, *repeated_by(entry)[0]], typed(entry.said["data"])
    mark = _("〔已销毁 %(number)d〕") % {"number": asked.id}
    announce("evidence.destroying", item=entry.item, texts=texts, mark=mark)
    reached = blank(entry.item, [one.ref for one in going], texts, mark)
    _forget_answers(texts)
    data = said | {"gone": [one.digest for one in going], "entries": [one.index for one in going], "reached": reached}
    stage("evidence.shredded", data, actor=by, org=asked.org, item=entry.item, urgent=True)
    Entry.objects.filter(index__in=[one.index for one in going]).update(record=b"")


def _forget_answers(texts: list[str]) -> None:
    """Answers of the API that are kept for a day; the act is not done again: its key stays, its answer is empty."""
    known = [probe.encode() for probe in probes(texts)]
    for one in Answered.objects.all().iterator(200):
        if any(probe in bytes(one.answer) for probe in known):
            Answered.objects.filter(id=one.id).update(answer=b"{}")


def wipe() -> int:
    """Clear what the database still holds of destroyed rows where nothing stands; how many destructions it was for.

    Outside any transaction. SQLite is written anew (VACUUM), PostgreSQL the tables that held the words, so it takes
    a while and room on disk: by night. Raises StillRead when somebody's reading keeps old pages of SQLite in use.
    """
    waiting = Shredding.objects.filter(state=Shredding.State.DONE, wiped_at=None)
    ids = list(waiting.values_list("id", flat=True))
    if not ids:
        return 0
    with connection.cursor() as cursor:
        for statement in _statements():
            cursor.execute(statement)
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # after waiting as long as for any lock
            if cursor.fetchone()[0]:
                raise StillRead
    return Shredding.objects.filter(id__in=ids).update(wiped_at=now())


def _statements() -> list[str]:
    if connection.vendor == "sqlite":
        return [*WIPED_FIRST, "VACUUM"]
    tables = [one for one in connection.introspection.table_names() if not one.startswith("django_")]
    return [f"VACUUM FULL {connection.ops.quote_name(one)}" for one in tables]


WIPED_FIRST: list[str] = []  # what rooms above ask of SQLite before: an index of words that keeps deleted ones
