"""The roles of the field (DOMAIN.md, people) and the rights each carries."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

RIGHTS = {
    "changes.request": _("发起变更"),
    "changes.settle": _("设定紧急变更的补办期限"),
    "templates.propose": _("提出变更模板"),
    "templates.withdraw": _("停用变更模板"),
    "evidence.see": _("查看存证"),
    "evidence.export": _("导出存证包"),
    "looks.see": _("查看查阅登记"),
    "retention.set": _("设保留期限"),
    "evidence.shred": _("销毁正文"),
    "evidence.witnesses": _("登记和停用见证"),
    "people.see": _("查看人员与角色"),
    "people.manage": _("管理人员与角色"),
    "security.see": _("查看安全监测"),
    "security.manage": _("设定和处理安全告警"),
    "systems.see": _("查看系统"),
    "systems.manage": _("管理系统"),
    "vault.manage": _("管理凭据"),
    "flows.see": _("查看流程"),
    "flows.edit": _("写流程"),
    "flows.publish": _("发布流程"),
    "flows.move": _("迁移在办工单"),
    "sheets.cancel": _("作废报告单编号"),
    "filters.share": _("共享筛选"),
    "jobs.manage": _("管理后台任务"),
    "planning.keep": _("维护窗口与封网期"),
    "planning.ask": _("改期和申请封网破例"),
    "planning.except": _("批准封网破例"),
    "documents.manage": _("管理受控文件与模板"),
    "documents.approve": _("批准受控文件与模板"),
}


@dataclass(frozen=True)
class Role:
    """A role: the name people know it by and the rights it carries."""

    key: str
    title: object
    rights: frozenset[str]


def _role(key: str, title: object, *rights: str) -> Role:
    everybody = {"evidence.see", "systems.see", "people.see", "flows.see"}
    return Role(key, title, frozenset(rights) | everybody)


ROLES = {
    role.key: role
    for role in (
        _role("requester", _("申请人"), "changes.request"),
        _role("department_head", _("部门负责人"), "changes.request"),
        _role(
            "technical_head",
            _("技术部门负责人"),
            "changes.request",
            "templates.withdraw",
            "flows.publish",
            "filters.share",
            "planning.keep",
            "planning.ask",
            "documents.approve",
        ),
        _role(
            "leader",
            _("用户领导"),
            "templates.withdraw",
            "evidence.export",
            "evidence.shred",
            "planning.except",
            "documents.approve",
        ),
        _role(
            "security_office",
            _("信息安全领导办公室"),
            "templates.withdraw",
            "evidence.export",
            "looks.see",
            "retention.set",
            "evidence.shred",
            "security.see",
            "security.manage",
            "planning.keep",
            "planning.except",
            "documents.approve",
        ),
        _role(
            "administrator",
            _("系统管理员"),
            "people.manage",
            "security.see",
            "security.manage",
            "systems.manage",
            "vault.manage",
            "flows.edit",
            "flows.publish",
            "flows.move",
            "changes.settle",
            "evidence.export",
            "evidence.witnesses",
            "looks.see",
            "retention.set",
            "evidence.shred",
            "sheets.cancel",
            "filters.share",
            "jobs.manage",
            "planning.keep",
            "documents.manage",
            "documents.approve",
        ),
        _role("engineer", _("维护工程师"), "templates.propose", "evidence.export", "planning.ask"),
        _role("development_head", _("软件开发负责人"), "evidence.export", "filters.share", "planning.ask"),
    )
}
