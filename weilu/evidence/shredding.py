"""Destroying a body: two people of the customer, an entry that says so, and the tree as it was."""

from functools import partial
from typing import Any, Protocol

from django.db import models, transaction
from django.db.models import F, Func, Value
from django.utils.translation import gettext as _

from weilu.evidence.actions import stage
from weilu.evidence.bodies import Body, Shredding
from weilu.evidence.destroying import check_record, destroy_record
from weilu.evidence.files import path_of
from weilu.evidence.models import Entry
from weilu.evidence.queries import fetch_entry
from weilu.evidence.words import kind_word
from weilu.kernel.actions import action
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.times import iso, now

TWO_PEOPLE = Clause("ROL-1")
LEAST = 6  # characters of a reason
REASON, GROUND = 500, 300


class Shredder(Protocol):
    """What destroying asks of whoever does it."""

    @property
    def actor(self) -> str: ...
    @property
    def organisation(self) -> Any: ...
    @property
    def owner_codes(self) -> frozenset[str]: ...
    def codes_with(self, right: str) -> frozenset[str]: ...


def check_words(reason: str, ground: str) -> None:
    """What is destroyed says why, and by which law or contract."""
    for field, said, most in (("reason", reason, REASON), ("ground", ground, GROUND)):
        if not LEAST <= len(said) <= most:
            words = _("写 %(least)d 到 %(most)d 个字：为什么、依据哪条必须销毁")
            raise Refused(words % {"least": LEAST, "most": most}, field=field)


def check_second(asker: str, decider: str) -> None:
    """TWO_PEOPLE: nobody approves what they asked for."""
    if asker == decider:
        raise Refused(_("销毁要由另一个人批准：申请是您提的"), TWO_PEOPLE, who="security_office")


def check_own_people(person: Shredder, org: str) -> None:
    """The customer's own people destroy what is the customer's."""
    if org not in person.codes_with("evidence.shred") or person.organisation.code != org:
        raise Refused(
            _("销毁正文只能由本单位有「销毁正文」权限的人办"), help=_("系统管理员可以授予"), who="administrator"
        )


@action("evidence.ask_shredding")
def ask_shredding(by: Shredder, *, index: int, sha256: str, reason: str, ground: str) -> Shredding:
    """Ask that the file which the entry at `index` names, or the entry's own record, be destroyed: by its SHA-256.

    Nothing is destroyed yet.
    """
    entry = fetch_entry(by.owner_codes, index)
    check_own_people(by, entry.org)
    name = _named(entry, sha256)
    reason, ground = " ".join(reason.split()), " ".join(ground.split())
    check_words(reason, ground)
    if sha256 != entry.digest and Body.objects.filter(sha256=sha256, shredded_at__isnull=False).exists():
        raise Refused(_("这份文件已经销毁"))
    if Shredding.objects.filter(sha256=sha256, state=Shredding.State.ASKED).exists():
        own = sha256 == entry.digest
        raise Refused(
            _("这条记录已有人申请销毁，等另一个人批准") if own else _("这份文件已有人申请销毁，等另一个人批准")
        )
    made = Shredding.objects.create(
        org=entry.org, entry=index, item=entry.item, sha256=sha256, name=name[:200], reason=reason, ground=ground,
        asked_by=by.actor,
    )  # fmt: skip
    data = {"shredding": str(made.uid), "sha256": sha256, "reason": reason, "ground": ground}
    stage("evidence.shredding_asked", data, actor=by.actor, org=entry.org, item=entry.item)
    return made


@action("evidence.decide_shredding")
def decide_shredding(by: Shredder, shredding: Shredding, *, approve: bool, words: str = "") -> Shredding:
    """Destroy the file or record, or not, as a second person of the customer decides; it never comes back."""
    found: Shredding = Shredding.objects.select_for_update().get(id=shredding.id)
    check_own_people(by, found.org)
    if found.state != Shredding.State.ASKED:
        raise Refused(_("这份申请已经办过"))
    check_second(found.asked_by, by.actor)
    found.state = Shredding.State.DONE if approve else Shredding.State.REFUSED
    found.decided_by, found.decided_at, found.words = by.actor, now(), words[:500]
    found.save(update_fields=["state", "decided_by", "decided_at", "words"])
    said = {"shredding": str(found.uid), "asked_by": found.asked_by, "asked_at": iso(found.asked_at)}
    said |= {"reason": found.reason, "ground": found.ground}
    if not approve:
        turned_down = said | {"sha256": found.sha256, "words": found.words}
        stage("evidence.shredding_refused", turned_down, actor=by.actor, org=found.org, item=found.item)
        return found
    entry = Entry.objects.get(index=found.entry)
    if found.sha256 == entry.digest:
        destroy_record(by.actor, found, entry, said)
        return found
    places = named_at(found.sha256)
    if {org for _index, org, _item in places} != {found.org}:
        raise Refused(_("这份文件还在别处使用，不能在这里销毁"), who="administrator")
    for item in sorted({item for _index, _org, item in places}):
        entries = [index for index, _org, other in places if other == item]
        data: dict[str, Any] = said | {"gone": [found.sha256], "entries": entries}
        stage("evidence.shredded", data, actor=by.actor, org=found.org, item=item, urgent=True)
    _destroy(found.sha256)
    return found


def _named(entry: Entry, sha256: str) -> str:
    """What is to be destroyed, as people know it; raises Refused where the entry has no such body."""
    if sha256 == entry.digest:
        check_record(entry)
        return f"{kind_word(entry.kind)} {entry.index}"
    named = next((file for file in entry.said["files"] if file["sha256"] == sha256), None)
    if named is None or entry.kind.startswith("evidence."):
        raise Refused(_("这条记录里没有这份文件"), field="sha256")
    return str(named["name"])


class _Within(Func):
    """Where bytes begin in other bytes, from 1; 0 where they do not stand there."""

    output_field = models.IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.copy_with(self.source_expressions[::-1]).as_sql(compiler, connection, function="INSTR", **more)

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, function="POSITION", arg_joiner=" IN ", **more)

    def copy_with(self, expressions: list[Any]) -> "_Within":
        copied = self.copy()
        copied.set_source_expressions(expressions)
        return copied


def named_at(sha256: str) -> list[tuple[int, str, str]]:
    """Place, customer and item of every entry whose record names this file; reads the whole log."""
    digest = Value(f'"{sha256}"'.encode(), output_field=models.BinaryField())
    own = Entry.objects.exclude(kind__startswith="evidence.").annotate(within=_Within(digest, F("record")))
    rows = own.filter(within__gt=0).order_by("index").values_list("index", "org", "item", "record")
    return [
        (index, org, item) for index, org, item, record in rows
        if any(file["sha256"] == sha256 for file in Entry(record=record).said["files"])
    ]  # fmt: skip


def _destroy(sha256: str) -> None:
    """The key goes with this transaction, the sealed bytes when it is committed: without the key they are noise."""
    body, _new = Body.objects.select_for_update().get_or_create(sha256=sha256)
    places = {path_of(sha256), *([path_of(body.stored)] if body.stored else [])}
    body.stored, body.wrapped, body.shredded_at = "", b"", now()
    body.save(update_fields=["stored", "wrapped", "shredded_at"])
    for place in places:
        transaction.on_commit(partial(place.unlink, missing_ok=True))


def shredding_seen(codes: frozenset[str], uid: object) -> Shredding:
    """The request with this uid, if one of these customers owns it; raises NotVisible."""
    found: Shredding | None = Shredding.objects.visible_to(codes).filter(uid=uid).first()
    if found is None:
        raise NotVisible(str(uid))
    return found
