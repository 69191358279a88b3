"""The steps of an upgrade and of its way back, in order, and what a crash in the middle of each means.

| policy | after a crash without a result |
| --- | --- |
| idempotent | the target is asked; what is undone is done again, which is harmless |
| probe | the target is asked; what it shows to be undone is done again, what it cannot tell is asked of a person |
"""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Kind:
    """One kind of step: its title, where it acts, and its crash policy."""

    title: object
    on_target: bool
    policy: str


FORWARD = (
    "check_source", "backup", "prove_backup", "rehearse", "wait_window", "hold_writes",
    "stop", "install", "migrate", "switch", "start", "accept", "open_writes",
)  # fmt: skip
WAY_BACK = ("restore_code", "restore_data", "start_old", "prove_same", "open_writes")
KINDS = {
    "check_source": Kind(_("核对来源"), False, "idempotent"),
    "backup": Kind(_("备份"), True, "idempotent"),
    "prove_backup": Kind(_("还原比对"), True, "idempotent"),
    "rehearse": Kind(_("演练"), True, "idempotent"),
    "wait_window": Kind(_("等待窗口"), False, "idempotent"),
    "hold_writes": Kind(_("停写备份"), True, "idempotent"),
    "stop": Kind(_("停服务"), True, "probe"),
    "install": Kind(_("安装"), True, "probe"),
    "migrate": Kind(_("迁移数据"), True, "probe"),
    "switch": Kind(_("切换版本"), True, "probe"),
    "start": Kind(_("起服务"), True, "probe"),
    "accept": Kind(_("验收"), False, "idempotent"),
    "open_writes": Kind(_("恢复写入"), True, "idempotent"),
    "restore_code": Kind(_("恢复程序"), True, "idempotent"),
    "restore_data": Kind(_("恢复数据"), True, "idempotent"),
    "start_old": Kind(_("起旧版本"), True, "probe"),
    "prove_same": Kind(_("比对一致"), True, "idempotent"),
}
BEFORE_STOP = FORWARD[: FORWARD.index("stop")]
IN_WINDOW = ("hold_writes", "stop")  # not begun once the window is over; writes are held from the first on
HOLDING = ("stop",)  # a failure here that left the installation untouched needs no way back
PROOF_FIRST = ("hold_writes", "stop")  # before these it asks whether source, backup and rehearsal are proved
RECHECKED = ("check_source", "hold_writes", "stop")  # before these the worker asks again whether the plan is approved
FACTS = {
    "check_source": "integrity.verified",
    "prove_backup": "backup.restored",
    "rehearse": "rehearsal.matched",
    "wait_window": "window.open",
    "accept": "acceptance.passed",
}
FACT_TITLES = {
    "integrity.verified": "升级包来源与完整性",
    "backup.restored": "备份可恢复",
    "rehearsal.matched": "演练结论与方案一致",
    "window.open": "变更窗口开放",
    "acceptance.passed": "验收检查通过",
    "run.concluded": "执行已有结论",
}
