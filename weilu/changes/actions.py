"""A change, step by step: request, analysis, plan, run, feedback; what its kinds share."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.changes import rules
from weilu.changes.approval import check_item_approved, check_time, latest_plan, wants_amendment
from weilu.changes.carried import acts_of, check_not_spent
from weilu.changes.host_start import check_may_start
from weilu.changes.kind import CHANGE, EMERGENCY
from weilu.changes.models import Change, Feedback, NeedVersion, PlanTemplate, PlanVersion
from weilu.changes.plan import HostPlan, Plan, is_on_hosts
from weilu.changes.template import Template
from weilu.evidence.actions import stage
from weilu.execution.actions import order_run
from weilu.execution.channel import Release, read_release
from weilu.execution.fleet.actions import order_run_on_hosts
from weilu.execution.models import Run
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.canonical import canonical, digest, sha256_hex, sm3_hex
from weilu.kernel.refused import Refused
from weilu.kernel.statements import Prepared, insert, slot
from weilu.kernel.times import iso, now
from weilu.planning.bookings import book
from weilu.process.actions import note, open_item, record_fact, reopen_step, say_in_step, set_subject
from weilu.process.flow import parse_flow
from weilu.process.models import WorkItem
from weilu.process.rules import check_turn
from weilu.process.seats import doing
from weilu.systems.models import Host, Installation, System

ORDERED = ("version", "wheel", "sha256", "window_from", "window_to", "criteria", "way_back")
NEED = Prepared(lambda: NeedVersion.objects.filter(change=slot("change")).order_by("-number")[:1])


@action("changes.request_change")
def request_change(
    by: Person, place: Installation | System, *, title: str, need: str, follows: Change | None = None
) -> Change:
    """Step 1: ask for a change of an installation, or of hosts of a system; the item goes on to the technical side.

    `follows` is an earlier change that this one comes after: what was carried out is changed by a request of its own.
    """
    check_may_request(by, place)
    return open_change(by, place, CHANGE.key, "changes.normal", title=title, need=need, follows=follows)


def open_change(
    by: Person,
    place: Installation | System,
    kind: str,
    flow: str,
    *,
    title: str,
    need: str,
    series: str = "BG",
    follows: Change | None = None,
    template: PlanTemplate | None = None,
    priority: str = "normal",
) -> Change:
    """A new change of this kind, its request signed; part of an action, which has checked who may ask."""
    title = text.line(title, _("标题"), field="title", longest=100)
    need = text.prose(need, _("需求"), field="need")
    if follows is not None and follows.item.owner_id != place.owner_id:
        raise Refused(_("不能接在别的单位的变更之后"), field="follows")
    installation = place if isinstance(place, Installation) else None
    system = place.system if isinstance(place, Installation) else place
    item = open_item(
        by,
        system=system,
        kind=kind,
        series=series,
        title=title,
        flow=flow,
        facets={"running": system.running, "importance": system.importance},
        words="",
        found_by=(installation.name, installation.host) if installation else (),
        priority=priority,
    )
    change = Change(item=item, installation=installation, follows=follows, template=template)
    insert(change)
    keep_need(by, change, need)
    return change


def check_may_request(by: Person, place: Installation | System) -> None:
    """Raises Refused unless a role towards the customer lets `by` ask for changes."""
    if not by.may("changes.request", place.owner_id):
        raise Refused(_("发起变更需要申请人的角色"), help=_("系统管理员可以授予"), who="administrator")


@action("changes.submit_analysis")
def submit_analysis(by: Person, change: Change, *, turn: int, feasible: bool, analysis: str, need: str) -> Change:
    """Step 2: the technical side says whether it can be done and why, and words the need as analysed."""
    analysis = text.prose(analysis, _("可行性分析"), field="analysis")
    need = text.prose(need, _("分析后的需求"), field="need")
    if not feasible:
        raise Refused(_("分析为不可行时，用「退回」并写明原因，由申请人改需求"), rules.APPROVED_AS_IS, field="feasible")
    hold(change)
    change.feasible, change.analysis = feasible, analysis
    change.save(update_fields=["feasible", "analysis"])
    keep_need(by, change, need)
    words = analysis if len(analysis) <= 200 else analysis[:199] + "…"
    say_in_step(by, change.item, turn=turn, subject="", words=words, form="analysis")
    return change


@action("changes.amend_need")
def amend_need(by: Person, change: Change, *, turn: int, need: str) -> Change:
    """Step 1 again, after a return to it: the requester words the need anew."""
    hold(change)
    keep_need(by, change, text.prose(need, _("需求"), field="need"))
    say_in_step(by, change.item, turn=turn, subject="", words=_("改了需求"), form="need")
    return change


@action("changes.submit_plan")
def submit_plan(
    by: Person,
    change: Change,
    *,
    turn: int,
    version: str,
    impact: str,
    risk: str,
    way_back: str,
    window_from: datetime,
    window_to: datetime,
    criteria: Sequence[Mapping[str, str]],
    upgrade_notes: str,
) -> PlanVersion:
    """Step 4: a plan, frozen under its digest; the release is fetched from its channel and checked first (CHG-4).

    Submitted after the plan has gone on, it takes the item back to the design: every signature and
    fact that rested on the older version falls away. Refused once a run has begun.
    """
    item, installation = hold(change), change.installation
    if installation is None:
        raise Refused(_("这项变更在主机上做，方案写主机、步骤和批次"), rules.APPROVED_AS_IS)
    version = text.code(version, _("目标版本"), field="version", longest=40)
    rules.check_newer(installation.version, version)
    rules.check_window(window_from, window_to, now())
    checked = rules.check_criteria(criteria)
    written = {
        "impact": text.prose(impact, _("影响"), field="impact"),
        "risk": text.prose(risk, _("风险"), field="risk"),
        "way_back": text.prose(way_back, _("回退方案"), field="way_back"),
        "upgrade_notes": text.prose(upgrade_notes, _("升级说明"), field="upgrade_notes"),
    }
    if item.kind not in (CHANGE.key, EMERGENCY.key):
        raise Refused(_("标准变更的方案出自模板，不能另写"), rules.SECURITY_APPROVES, help=_("要另写就改走正常流程"))
    release = read_release(Path(installation.channel), Path(installation.keyring), version)
    back_to_design(by, change, turn)
    item = change.item
    need = change.needs.order_by("-number")[0]
    plan = Plan(
        need_number=need.number,
        need_digest=need.digest,
        installation=str(installation.uid),
        host=installation.host,
        version_from=installation.version,
        version=version,
        wheel=release.wheel,
        sha256=release.sha256,
        signer=release.signer,
        window_from=iso(window_from),
        window_to=iso(window_to),
        criteria=checked,
        **written,  # type: ignore[typeddict-item]
    )
    if answered := list(change.amendments.order_by("id").values_list("number", flat=True)):
        plan["amendments"] = answered
    words = _("提交方案第 %(number)d 版") % {"number": change.plans.count() + 1}
    return put_forward(by, change, plan, release, words)


def put_forward(by: Person, change: Change, plan: Plan, release: Release, words: str) -> PlanVersion:
    """Keep a plan of this release as the item's subject, with its time, and sign the design; part of an action."""
    item, kept = change.item, keep_plan(by, change, plan)
    set_subject(item, kept.digest)
    hosts = Host.objects.filter(owner=item.owner, name=plan["host"], retired_at=None)
    starts, ends = datetime.fromisoformat(plan["window_from"]), datetime.fromisoformat(plan["window_to"])
    book(by, item, item.system, starts, ends, list(hosts), [by])
    proof = _("签名 %(signer)s，SHA-256 %(sha)s") % {"signer": release.signer, "sha": release.sha256[:12]}
    record_fact(item, "integrity.verified", kept.digest, True, proof, by.actor, kept.evidence)
    say_in_step(by, item, turn=item.turn, subject=kept.digest, words=words, form="plan")
    return kept


@action("changes.order_upgrade")
def order_upgrade(by: Person, change: Change, *, turn: int) -> Run:
    """Step 7: have the approved plan carried out, exactly; refused unless every approval names its digest.

    A plan is carried out once; one whose run was refused at its start, with no host touched, may be ordered again.
    """
    item = hold(change)
    if item.turn != turn:
        raise Refused(_("工单在您打开页面之后已有变动。看过新内容再开始"), rules.APPROVED_AS_IS)
    if item.step != "release":
        raise Refused(_("「实施与发布」不由您办"), rules.APPROVED_AS_IS)
    doing(by, item, turn)
    plan = latest_plan(change)
    check_item_approved(item, plan.digest)
    check_not_spent(item, plan.digest)
    content = plan.content
    if is_on_hosts(content):
        check_may_start(item, plan, by)
        run = order_run_on_hosts(by, item, content["orders"], plan.digest)
    else:
        check_time(item, by)
        orders = {key: content[key] for key in ORDERED}
        run = order_run(by, item, change.place, orders, plan.digest)
    note(item, "run", _("开始执行 %(number)s") % {"number": run.number}, actor=by, link=f"/runs/{run.uid}/")
    return run


@action("changes.give_feedback")
def give_feedback(by: Person, change: Change, *, turn: int, works: bool, opinion: str, satisfaction: str) -> Feedback:
    """Step 8: the requester says how the result serves; it stands on the record sheet."""
    opinion = text.prose(opinion, _("使用反馈"), field="opinion", longest=500)
    if satisfaction not in Feedback.Satisfaction.values:
        raise Refused(_("满意度没有选。选一项再提交"), field="satisfaction")
    hold(change)
    given, _made = Feedback.objects.update_or_create(
        change=change, defaults={"works": works, "opinion": opinion, "satisfaction": satisfaction, "by": by}
    )
    say_in_step(by, change.item, turn=turn, subject="", words=opinion, form="feedback")
    return given


def hold(change: Change) -> WorkItem:
    """The change's item as it stands now, locked till the action ends: versions are numbered one after the other."""
    change.item = (
        WorkItem.objects.select_for_update(of=("self",))
        .select_related("owner", "flow", "system")
        .get(id=change.item_id)
    )
    return change.item


def back_to_design(by: Person, change: Change, turn: int) -> None:
    """Before a plan is kept: the page was fresh, and an item that has already gone on stands at the design again.

    Raises Refused where the plan is approved, unless an amendment asks for another (CHG-2).
    """
    item = change.item
    if item.step == "design":
        check_turn(turn, item.turn)
        rules.check_amended(wants_amendment(change, "design"), "design")
        return
    check_may_write_anew(by, change)
    moved = reopen_step(by, item, turn=turn, to="design", reason=_("方案改版，原签名与关口失效"))
    note(moved, "flow", _("方案改版：原来的签名与关口失效，重新送审"), actor=by)
    change.item = moved


def check_may_write_anew(by: Person, change: Change) -> None:
    """Raises Refused unless `by` may take an item that has gone on back to its design, to write the plan anew."""
    item = change.item
    flow = parse_flow(item.flow.source)
    past = item.step and flow.place(item.step) > flow.place("design")
    if not past or flow.place(item.step) > flow.place("release") or not change.plans.exists():
        raise Refused(_("现在不是写方案的时候"), rules.APPROVED_AS_IS)
    if acts_of(item).filter(subject=item.subject).exists():
        raise Refused(_("这一版方案已开始执行，不能再改。要改就先退回"), rules.APPROVED_AS_IS)
    if not by.holds("engineer", item.owner):
        raise Refused(_("改方案要由维护工程师办"), rules.APPROVED_AS_IS)
    rules.check_amended(wants_amendment(change, "design"), "design")


def keep_need(by: Person, change: Change, need: str) -> None:
    """The next version of the need, where its words differ from the last; part of an action."""
    last = next(iter(NEED(change=change.id)), None)
    if last and last.text == need:
        return
    if last and change.item.kind == CHANGE.key:
        rules.check_amended(wants_amendment(change, "need"), "need")
    number = last.number + 1 if last else 1
    sha = sha256_hex(need.encode())
    item = change.item
    ref = stage(
        "changes.need_written",
        {"number": item.number, "version": number, "text": need, "digest": sha},
        actor=by.actor,
        org=item.owner.code,
        item=str(item.uid),
    )
    insert(NeedVersion(change=change, number=number, text=need, author=by, digest=sha, evidence=ref))
    note(item, "file", _("需求第 %(number)d 版") % {"number": number}, actor=by, evidence=ref)


def keep_plan(by: Person, change: Change, plan: Plan | HostPlan | Template) -> PlanVersion:
    """The next version of the plan, or of the template, frozen under its digest; part of an action."""
    number = change.plans.count() + 1
    content = dict(plan) | {"number": number}
    sha, item = digest(content), change.item
    ref = stage(
        "changes.plan_written",
        {"number": item.number, "version": number, "digest": sha, "plan": content},
        actor=by.actor,
        org=item.owner.code,
        item=str(item.uid),
    )
    note(item, "file", _("方案第 %(number)d 版") % {"number": number}, actor=by, link="#plan", evidence=ref)
    return PlanVersion.objects.create(
        change=change,
        number=number,
        content=content,
        digest=sha,
        sm3=sm3_hex(canonical(content)),
        author=by,
        evidence=ref,
    )
