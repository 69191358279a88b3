"""Standard changes: templates proposed, approved and withdrawn, and the changes that rest on them."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.changes import rules
from weilu.changes.actions import check_may_request, hold, keep_plan, open_change, put_forward
from weilu.changes.carried import acts_of
from weilu.changes.kind import STANDARD, TEMPLATE
from weilu.changes.models import Change, PlanTemplate, PlanVersion
from weilu.changes.template import (
    APPROVED_BEFOREHAND,
    Template,
    check_in_force,
    check_openings,
    checked_limits,
    plan_of,
)
from weilu.evidence.actions import stage
from weilu.execution.channel import read_release
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.notify.actions import tell
from weilu.notify.kinds import COPY
from weilu.process.actions import note, reopen_step, say_in_step, set_subject
from weilu.process.flow import parse_flow
from weilu.process.rules import check_turn
from weilu.systems.models import Installation


@action("changes.propose_template")
def propose_template(
    by: Person,
    installation: Installation,
    *,
    title: str,
    need: str,
    plan: Mapping[str, Any],
    replaces: Change | None = None,
) -> Change:
    """Propose a plan to be approved beforehand; `need` says why such a change can be standard.

    `plan` has `version`, `window_minutes`, `window_after`, `window_before`, `impact`, `risk`, `way_back`, `criteria`
    and `upgrade_notes`; `replaces` is the template in force whose place it takes once it is approved.
    """
    if not by.may("templates.propose", installation.owner_id):
        raise Refused(_("变更模板由维护工程师提出"), help=_("系统管理员可以授予角色"), who="administrator")
    before = PlanTemplate.objects.in_force().filter(change=replaces).first() if replaces else None
    if replaces is not None and (before is None or replaces.installation_id != installation.id):
        raise Refused(_("要替换的模板不在用，或不是这套安装的"), field="replaces")
    change = open_change(by, installation, TEMPLATE.key, "changes.template", title=title, need=need, series="MB")
    PlanTemplate.objects.create(change=change, replaces=before)
    _submit(by, change, plan)
    return change


@action("changes.submit_template")
def submit_template(by: Person, change: Change, *, turn: int, plan: Mapping[str, Any]) -> PlanVersion:
    """The template written anew, after a return or by itself: signatures on the older version fall away.

    An approved template is not written anew; another one is proposed that replaces it.
    """
    item = hold(change)
    if item.kind != TEMPLATE.key:
        raise Refused(_("这不是变更模板"))
    if not item.step:
        raise Refused(_("模板已批准，不能再改。另提一份来替换它"), APPROVED_BEFOREHAND)
    if item.step == "design":
        check_turn(turn, item.turn)
    elif parse_flow(item.flow.source).place(item.step) > 0:
        if not by.holds("engineer", item.owner):
            raise Refused(_("改模板要由维护工程师办"), rules.APPROVED_AS_IS)
        change.item = reopen_step(by, item, turn=turn, to="design", reason=_("模板改版，原签名失效"))
    return _submit(by, change, plan)


def _submit(by: Person, change: Change, given: Mapping[str, Any]) -> PlanVersion:
    item, installation = change.item, change.place
    version, minutes, after, before = checked_limits(
        str(given.get("version", "")), int(given.get("window_minutes", 0)), str(given.get("window_after", "")),
        str(given.get("window_before", "")),
    )  # fmt: skip
    need = change.needs.order_by("-number")[0]
    labels = {
        "impact": _("影响"), "risk": _("风险"), "way_back": _("回退方案"), "upgrade_notes": _("升级说明"),
    }  # fmt: skip
    written = {key: text.prose(given.get(key), label, field=key) for key, label in labels.items()}
    content = Template(
        need_number=need.number,
        need_digest=need.digest,
        installation=str(installation.uid),
        host=installation.host,
        version=version,
        window_minutes=minutes,
        window_after=after,
        window_before=before,
        criteria=rules.check_criteria(given.get("criteria", ())),
        **written,  # type: ignore[typeddict-item]
    )
    kept = keep_plan(by, change, content)
    set_subject(item, kept.digest)
    words = _("提交模板第 %(number)d 版") % {"number": kept.number}
    say_in_step(by, item, turn=item.turn, subject=kept.digest, words=words, form="plan")
    return kept


@action("changes.withdraw_template")
def withdraw_template(by: Person, change: Change, *, reason: str) -> PlanTemplate:
    """From now on nothing is opened or carried out under this template; what has been carried out stays."""
    reason = text.line(reason, _("停用原因"), field="reason", longest=300)
    item = change.item
    if not by.may("templates.withdraw", item.owner_id):
        raise Refused(_("停用模板由批准它的一方办：技术部门负责人、用户领导或信息安全办"), APPROVED_BEFOREHAND)
    rows = PlanTemplate.objects.select_for_update().filter(change=change).exclude(approved_at=None)
    found: PlanTemplate | None = rows.first()
    if found is None or found.withdrawn_at is not None:
        raise Refused(_("这份模板没有在用"), APPROVED_BEFOREHAND)
    end_template(found, by, reason)
    return found


def end_template(template: PlanTemplate, by: Person | None, reason: str) -> None:
    """Put on record that a template is out of force; `by` is None where another one has taken its place."""
    item = template.change.item
    template.withdrawn_at, template.withdrawn_by, template.reason = now(), by, reason
    template.save(update_fields=["withdrawn_at", "withdrawn_by", "reason"])
    ref = stage(
        "changes.template_withdrawn",
        {"number": item.number, "digest": template.digest, "reason": reason},
        actor=by.actor if by else "weilu",
        org=item.owner.code,
        item=str(item.uid),
        urgent=True,
    )
    note(item, "flow", _("模板停用：%(reason)s") % {"reason": reason}, actor=by, evidence=ref)
    for change in template.changes.filter(item__state="open").select_related("item"):
        if not acts_of(change.item).exists():
            note(change.item, "flow", _("所用模板已停用：不能再按标准变更执行"), actor=by, link=f"/changes/{item.uid}/")


@action("changes.request_standard")
def request_standard(by: Person, template: Change, *, title: str, need: str) -> Change:
    """Ask for a standard change by an approved template; the engineer is asked for version and window next."""
    installation = template.place
    check_may_request(by, installation)
    used = PlanTemplate.objects.select_for_update().filter(change=template).first()
    if used is None:
        raise Refused(_("没有选模板。选一个再提交"), field="template")
    check_in_force(template.item.number, used.approved_at is not None, used.withdrawn_at is not None)
    change = open_change(by, installation, STANDARD.key, "changes.standard", title=title, need=need, template=used)
    words = {"number": template.item.number, "digest": used.digest[:12]}
    note(
        change.item, "file", _("按模板 %(number)s 办，SHA-256 %(digest)s") % words,
        link=f"/changes/{template.item.uid}/",
    )  # fmt: skip
    return change


@action("changes.schedule_standard")
def schedule_standard(
    by: Person, change: Change, *, turn: int, digest: str, version: str, window_from: datetime, window_to: datetime
) -> PlanVersion:
    """Make the plan of a standard change: the template of this `digest`, a version and a window, nothing else.

    Refused where the template is out of force or is not the one the page showed, or leaves this version or window
    not open. Submitted again before a run has begun, it replaces the plan.
    """
    item, used = hold(change), change.template
    if item.kind != STANDARD.key or used is None:
        raise Refused(_("这不是标准变更"))
    used = PlanTemplate.objects.select_for_update().select_related("change__item").get(id=used.id)
    number = used.change.item.number
    check_in_force(number, used.approved_at is not None, used.withdrawn_at is not None)
    if digest != used.digest:
        raise Refused(_("模板的摘要与批准的不一致。看过模板再提交"), APPROVED_BEFOREHAND, field="digest")
    installation = change.place
    version = text.code(version, _("目标版本"), field="version", longest=40)
    rules.check_newer(installation.version, version)
    rules.check_window(window_from, window_to, now())
    content = used.change.plans.get(digest=used.digest).content
    check_openings(content, version, window_from, window_to)
    release = read_release(Path(installation.channel), Path(installation.keyring), version)
    _back_to_scheduling(by, change, turn)
    need = change.needs.order_by("-number")[0]
    known = {
        "template": number, "template_digest": used.digest, "version": version, "version_from": installation.version,
    }  # fmt: skip
    plan = plan_of(content, known, (need.number, need.digest), release, (window_from, window_to))
    kept = put_forward(by, change, plan, release, _("按模板 %(number)s 排期") % {"number": number})
    _tell_office(change, kept)
    return kept


def _back_to_scheduling(by: Person, change: Change, turn: int) -> None:
    item = change.item
    if item.step != "release":
        check_turn(turn, item.turn)
        return
    if acts_of(item).filter(subject=item.subject).exists():
        raise Refused(_("这一版方案已开始执行，不能再改。要改就先退回"), rules.APPROVED_AS_IS)
    if not by.holds("engineer", item.owner):
        raise Refused(_("改方案要由维护工程师办"), rules.APPROVED_AS_IS)
    change.item = reopen_step(by, item, turn=turn, to="design", reason=_("重新排期"))


def _tell_office(change: Change, plan: PlanVersion) -> None:
    """The security office approved the template; it hears of each change that rests on it, and can withdraw it."""
    item = change.item
    office = list(Person.objects.holding("security_office", item.owner))
    if office:
        words = {"number": item.number, "template": plan.content["template"], "version": plan.content["version"]}
        title = _("标准变更 %(number)s 按模板 %(template)s 排期，升级到 %(version)s") % words
        tell(office, title, "", f"/changes/{item.uid}/", item.owner, str(item.uid), kind=COPY)
