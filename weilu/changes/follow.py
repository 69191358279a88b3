"""What follows by itself: users are told, acceptance is filed, the sheet is frozen, its signatures move the item."""

from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.changes import host_sheet, rules
from weilu.changes.amendments import documents_left
from weilu.changes.approval import CONSENT, check_consent, check_ready, check_time, latest_plan
from weilu.changes.carried import acts_of
from weilu.changes.host_plan import orders_of
from weilu.changes.kind import CHANGE, CHANGES, EMERGENCY, NOTIFY_USERS, TEMPLATE
from weilu.changes.models import Change, Emergency, PlanTemplate
from weilu.changes.plan import is_on_hosts
from weilu.changes.sheet import sheet_content
from weilu.changes.standard_actions import end_template
from weilu.evidence.actions import stage
from weilu.execution.checks import ORDERS, REGISTER, URGENT
from weilu.execution.models import Run
from weilu.kernel.events import subscribe
from weilu.kernel.times import now
from weilu.notify.actions import tell
from weilu.notify.kinds import COPY
from weilu.process.actions import conclude_step, note, record_fact, say_in_step
from weilu.process.flow import Step
from weilu.process.models import Opinion, Seat, WorkItem
from weilu.records.actions import freeze_sheet
from weilu.records.models import RecordSheet, Side


def subscribe_all() -> None:
    """Hear what rooms below announce; called once by `apps.py`."""
    REGISTER.update(dict.fromkeys(CHANGES, check_ready))
    ORDERS.update(dict.fromkeys(CHANGES, orders_of))
    URGENT.add(EMERGENCY.key)
    subscribe("process.step_entered", on_step_entered)
    subscribe("process.step_done", on_step_done)
    subscribe("process.item_closed", on_item_closed)
    subscribe("process.signature_withdrawn", on_signature_withdrawn)
    subscribe("execution.run_finished", on_run_finished)
    subscribe("records.sheet_signed", on_sheet_signed)
    subscribe("records.sheet_complete", on_sheet_complete)
    subscribe("records.sheet_refused", on_sheet_refused)
    subscribe("records.number_cancelled", on_number_cancelled)


@translation.override("zh-hans")  # sheet and notices are official Chinese texts, whatever page the act came from
def on_step_entered(item: WorkItem, step: Step) -> None:
    """Carry out the automatic step of a change; freeze the sheet when its signing is reached."""
    if item.kind not in CHANGES:
        return
    if step.auto == NOTIFY_USERS:
        _notify_users(item)
    elif step.form == "sheet":
        _freeze(item)


def on_step_done(item: WorkItem, step: Step, **_more: Any) -> None:
    """Raises Refused where a plan is approved whose time is not free (CHG-3), an emergency by nobody of the customer
    (SVC-7), or the release is signed while a document that an amendment affects is not updated (CHG-2).
    """
    if item.kind == CHANGE.key and step.key in rules.NORMAL_APPROVALS:
        check_time(item)
    if item.kind == EMERGENCY.key and step.key == CONSENT:
        check_consent(item)
    if item.kind in CHANGES and step.key == "release":
        rules.check_documents_updated(documents_left(Change.objects.get(item=item)))


@translation.override("zh-hans")
def on_item_closed(item: WorkItem) -> None:
    """A template is in force once everybody has approved it; an emergency is complete."""
    if item.kind == EMERGENCY.key:
        Emergency.objects.filter(change__item=item).update(done_at=now())
    elif item.kind == TEMPLATE.key:
        _put_in_force(PlanTemplate.objects.select_related("change", "replaces__change__item").get(change__item=item))


def _put_in_force(template: PlanTemplate) -> None:
    item = template.change.item
    template.digest, template.approved_at = item.subject, now()
    template.save(update_fields=["digest", "approved_at"])
    ref = stage(
        "changes.template_approved",
        {"number": item.number, "digest": item.subject},
        actor="weilu",
        org=item.owner.code,
        item=str(item.uid),
        urgent=True,
    )
    note(item, "flow", _("模板已批准，可用于标准变更"), evidence=ref)
    before = template.replaces
    if before is not None and before.withdrawn_at is None:
        end_template(before, None, _("由 %(number)s 取代") % {"number": item.number})


def on_signature_withdrawn(item: WorkItem, step: Step, opinion: Opinion) -> None:
    """Raises Refused where the signature stands on a sheet already, or a run has begun under it."""
    if item.kind not in CHANGES:
        return
    begun = acts_of(item).filter(ordered_at__gt=opinion.at).order_by("id").first()
    rules.check_may_take_back(step.form == "sheet", begun.number if begun else "")


@translation.override("zh-hans")
def _freeze(item: WorkItem) -> None:
    change = Change.objects.select_related("installation", "feedback").get(item=item)
    engineer = released_by(item)
    freeze_sheet(engineer, item, sheet_content(change, engineer), customer_signers=[item.requester], engineer=engineer)


def released_by(item: WorkItem) -> Person:
    """The engineer who signed the release, for the last time if it was signed more than once."""
    said = Opinion.objects.filter(item=item, visit__step="release", act=Opinion.Act.AGREE, withdrawal=None).order_by(
        "-id"
    )
    return said.select_related("person__organisation")[0].person


def _notify_users(item: WorkItem) -> None:
    """USERS_ARE_TOLD: every user of the system gets the upgrade notes, or hears that nothing has changed."""
    change = Change.objects.get(item=item)
    plan = latest_plan(change).content
    users = list(item.system.users.filter(is_active=True))
    run = acts_of(item).filter(subject=item.subject).order_by("-id")[0]
    if is_on_hosts(plan):
        title, body = host_sheet.told_users(run, plan, item.system.name)
    elif run.state == Run.State.SUCCEEDED:
        title = _("%(system)s已升级到 %(version)s") % {"system": item.system.name, "version": plan["version"]}
        body = plan["upgrade_notes"]
    else:
        title = _("%(system)s升级未成功，仍是 %(version)s") % {
            "system": item.system.name,
            "version": plan["version_from"],
        }
        body = _("升级没有通过验收，程序和数据已恢复到升级之前。您照常使用，不必做什么。")
    told = tell(users, title, body, f"/changes/{item.uid}/", item.owner, str(item.uid))
    rules.check_everybody_told(len(users), told)
    words = _("已通知 %(count)d 名用户：%(title)s") % {"count": told, "title": title}
    conclude_step(item, "notice", words)


@translation.override("zh-hans")
def on_run_finished(run: Run) -> None:
    """File criteria and results with the security office (CHG-5); a rehearsal is nobody's acceptance."""
    if run.item.kind not in CHANGES or run.live or run.purpose == Run.Purpose.REHEARSE:
        return
    item, plan = run.item, latest_plan(run.item.change).content
    results, verdict = _accepted(plan, run)
    ref = stage(
        "changes.acceptance_filed",
        {"number": item.number, "run": run.number, "criteria": results, "verdict": verdict, "subject": run.subject},
        actor="weilu",
        org=item.owner.code,
        item=str(item.uid),
    )
    record_fact(item, "acceptance.filed", run.subject, True, verdict, run.number, ref)
    office = Person.objects.holding("security_office", item.owner)
    body = "\n".join(_criterion(row) for row in results)
    title = _("%(number)s 验收备案：%(verdict)s") % {"number": item.number, "verdict": verdict}
    if office:
        tell(office, title, body, f"/runs/{run.uid}/", item.owner, str(item.uid), kind=COPY)


def _accepted(plan: dict[str, Any], run: Run) -> tuple[list[dict[str, Any]], str]:
    """The criteria that were set beforehand, and how it ended by them."""
    if is_on_hosts(plan):
        return host_sheet.checks(plan), host_sheet.verdict(run)
    results = [{"title": row["title"], "path": row["path"], "expect": row["expect"]} for row in plan["criteria"]]
    verdict = {
        Run.State.SUCCEEDED: _("验收全部通过"),
        Run.State.WENT_BACK: _("验收未通过，已回退到 %(version)s") % {"version": plan["version_from"]},
    }.get(Run.State(run.state), _("执行没有完成"))
    return results, verdict


def _criterion(row: dict[str, Any]) -> str:
    if "words" in row:
        return _("验收：%(title)s（%(words)s）") % row
    if "port" in row:
        return _("验收：%(title)s（每台主机端口 %(port)s 的 %(path)s 应含「%(expect)s」）") % row
    return _("验收：%(title)s（GET %(path)s 应含「%(expect)s」）") % row


def on_sheet_signed(sheet: RecordSheet) -> None:
    """A signature on the sheet is the signer's act in the step that asks for it."""
    item = sheet.item
    if item.kind not in CHANGES:
        return
    signature = sheet.signatures.select_related("person__organisation").order_by("-id")[0]
    if not item.seats.filter(person=signature.person, open=True).exclude(part__in=Seat.ADDED).exists():
        return  # somebody of the vendor signed for the engineer; the complete sheet closes the step
    item.refresh_from_db()
    words = signature.opinion if signature.side == Side.CUSTOMER else _("乙方签署")
    say_in_step(signature.person, item, turn=item.turn, subject=sheet.digest, words=words, form="sheet")


def on_sheet_complete(sheet: RecordSheet) -> None:
    """Both sides have signed: the step is over, whoever signed for them."""
    if sheet.item.kind in CHANGES:
        _end_signing(sheet.item, _("报告单 %(number)s 双方已签") % {"number": sheet.number})


def on_sheet_refused(sheet: RecordSheet) -> None:
    """A recorded refusal with its reason ends the work as well (REC-2)."""
    if sheet.item.kind in CHANGES:
        _end_signing(sheet.item, _("甲方拒签，原因：%(reason)s") % {"reason": sheet.reason[:300]})


def on_number_cancelled(sheet: RecordSheet) -> None:
    """The work still has to end in a sheet: a new one, under the next number, waits for its signatures."""
    item = sheet.item
    item.refresh_from_db()
    if item.kind in CHANGES and item.step == "sheet":
        _freeze(item)


def _end_signing(item: WorkItem, words: str) -> None:
    item.refresh_from_db()
    if item.step == "sheet":
        conclude_step(item, "sheet", words)
