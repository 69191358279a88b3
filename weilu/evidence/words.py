"""What the kinds of entries are called on the page; a kind without a word shows itself."""

from django.utils.translation import gettext_lazy

KINDS = {
    "log.opened": gettext_lazy("日志启用"),
    "log.reopened": gettext_lazy("重新开启日志"),
    "evidence.exported": gettext_lazy("导出存证包"),
    "evidence.export_failed": gettext_lazy("存证包没有导出成功"),
    "evidence.looks_recorded": gettext_lazy("查阅登记入存证"),
    "evidence.looks_disagree": gettext_lazy("查阅登记与存证不一致"),
    "evidence.pruned": gettext_lazy("清除到期的登记"),
    "evidence.shredding_asked": gettext_lazy("申请销毁正文"),
    "evidence.shredding_refused": gettext_lazy("不同意销毁正文"),
    "evidence.shredded": gettext_lazy("销毁正文"),
    "evidence.retention_set": gettext_lazy("设保留期限"),
    "evidence.witness_enrolled": gettext_lazy("登记见证"),
    "evidence.witness_retired": gettext_lazy("停用见证"),
    "evidence.witness_disagrees": gettext_lazy("见证不认这份日志"),
    "accounts.organisation_founded": gettext_lazy("登记单位"),
    "accounts.organisation_renamed": gettext_lazy("单位改名"),
    "accounts.department_added": gettext_lazy("添加部门"),
    "accounts.department_renamed": gettext_lazy("部门改名"),
    "accounts.department_closed": gettext_lazy("撤销部门"),
    "accounts.person_added": gettext_lazy("登记人员"),
    "accounts.person_amended": gettext_lazy("改人员资料"),
    "accounts.person_let_go": gettext_lazy("人员离开或结束授权"),
    "accounts.person_taken_back": gettext_lazy("恢复人员"),
    "accounts.role_given": gettext_lazy("授予角色"),
    "accounts.role_ended": gettext_lazy("终止角色"),
    "accounts.head_named": gettext_lazy("指定部门负责人"),
    "accounts.signed_in": gettext_lazy("登录"),
    "accounts.token_made": gettext_lazy("生成访问令牌"),
    "accounts.token_revoked": gettext_lazy("撤销访问令牌"),
    "accounts.second_factor_begun": gettext_lazy("开始开启两步验证"),
    "accounts.second_factor_confirmed": gettext_lazy("开启两步验证"),
    "accounts.second_factor_dropped": gettext_lazy("关闭两步验证"),
    "accounts.second_factor_reset": gettext_lazy("重置两步验证"),
    "accounts.second_factor_required": gettext_lazy("要求两步验证"),
    "accounts.sign_in_locked": gettext_lazy("锁定登录"),
    "accounts.sign_in_unlocked": gettext_lazy("解锁登录"),
    "accounts.password_changed": gettext_lazy("改密码"),
    "accounts.password_set": gettext_lazy("在机器上设新密码"),
    "accounts.alarm_raised": gettext_lazy("安全告警"),
    "accounts.alarm_closed": gettext_lazy("处理安全告警"),
    "accounts.alarms_set": gettext_lazy("改告警阈值"),
    "accounts.visit_ended": gettext_lazy("结束登录"),
    "accounts.other_visits_ended": gettext_lazy("结束其他登录"),
    "systems.system_registered": gettext_lazy("登记系统"),
    "systems.installation_registered": gettext_lazy("登记安装"),
    "systems.users_named": gettext_lazy("指定系统使用人"),
    "process.flow_proposed": gettext_lazy("流程送审"),
    "process.flow_taken_back": gettext_lazy("收回流程"),
    "process.flow_rejected": gettext_lazy("流程未通过"),
    "process.flow_published": gettext_lazy("发布流程"),
    "process.item_moved": gettext_lazy("迁移工单"),
    "process.step_signed": gettext_lazy("签署"),
    "process.step_voided": gettext_lazy("签署失效"),
    "process.signature_withdrawn": gettext_lazy("撤回签名"),
    "process.transferred": gettext_lazy("转办"),
    "process.signer_added": gettext_lazy("加签"),
    "process.urged": gettext_lazy("催办"),
    "process.copied": gettext_lazy("抄送"),
    "process.delegated": gettext_lazy("委托代办"),
    "process.delegation_ended": gettext_lazy("结束委托"),
    "process.step_concluded": gettext_lazy("步骤办结"),
    "process.item_closed": gettext_lazy("工单办结"),
    "changes.need_written": gettext_lazy("写需求"),
    "changes.plan_written": gettext_lazy("写方案"),
    "changes.acceptance_filed": gettext_lazy("验收归档"),
    "changes.template_approved": gettext_lazy("模板批准"),
    "changes.template_withdrawn": gettext_lazy("模板停用"),
    "changes.emergency_declared": gettext_lazy("紧急变更申明"),
    "changes.taken_normal": gettext_lazy("改走正常流程"),
    "changes.policy_set": gettext_lazy("设定补办期限"),
    "changes.amendment_filed": gettext_lazy("变更申请"),
    "changes.document_updated": gettext_lazy("受影响文件更新"),
    "execution.run_ordered": gettext_lazy("下达执行"),
    "execution.run_cancelled": gettext_lazy("取消执行"),
    "execution.step_done": gettext_lazy("执行步骤完成"),
    "execution.step_failed": gettext_lazy("执行步骤失败"),
    "execution.step_asks": gettext_lazy("执行步骤待判断"),
    "execution.step_answered": gettext_lazy("判断执行步骤"),
    "execution.run_finished": gettext_lazy("执行结束"),
    "records.sheet_frozen": gettext_lazy("报告单定稿"),
    "records.sheet_signed": gettext_lazy("报告单签署"),
    "records.sheet_refused": gettext_lazy("报告单拒签"),
    "records.number_cancelled": gettext_lazy("作废报告单编号"),
    "records.sheet_filed": gettext_lazy("报告单归档"),
    "records.scan_filed": gettext_lazy("归档签字扫描件"),
    "records.sheet_sealed": gettext_lazy("报告单封存"),
    "records.overtime_entered": gettext_lazy("登记现场加班"),
    "records.overtime_dropped": gettext_lazy("删去加班登记"),
    "records.overtime_signed": gettext_lazy("签认加班"),
    "records.overtime_refused": gettext_lazy("不认可加班"),
    "records.overtime_filed": gettext_lazy("报告单连同加班归档"),
    "records.template_filled": gettext_lazy("按单位模板生成"),
    "documents.proposed": gettext_lazy("提出受控文件"),
    "documents.approved": gettext_lazy("批准受控文件"),
    "documents.declined": gettext_lazy("退回受控文件"),
    "documents.receipt_confirmed": gettext_lazy("签收受控文件"),
    "notify.told": gettext_lazy("发通知"),
    "notify.address_confirmed": gettext_lazy("确认邮件地址"),
    "notify.chosen": gettext_lazy("选择通知方式"),
    "jobs.tried_again": gettext_lazy("再试后台任务"),
}

# What is looked at, as the register calls it.
LOOKS = {
    "item": gettext_lazy("工单"),
    "systems": gettext_lazy("系统清单"),
    "system": gettext_lazy("系统"),
    "run": gettext_lazy("执行过程"),
    "run_log": gettext_lazy("执行日志"),
    "sheet": gettext_lazy("报告单"),
    "sheet_print": gettext_lazy("报告单打印件"),
    "sheet_filed": gettext_lazy("归档的报告单"),
    "scan": gettext_lazy("签字扫描件"),
    "document": gettext_lazy("受控文件"),
    "log": gettext_lazy("存证日志"),
    "entry": gettext_lazy("存证记录"),
    "export": gettext_lazy("存证包"),
    "security": gettext_lazy("安全事件"),
    "looks": gettext_lazy("查阅登记"),
    "looks_export": gettext_lazy("查阅登记导出"),
}

# What a witness's answer means, for whoever looks after the log: keys of `Witness.finding`.
FINDINGS = {
    "log_is_older": gettext_lazy(
        "这份日志比见证记得的短：见证已签到 %(size)s 条。可能恢复了旧备份：按运维说明重新开启"
    ),
    "not_continued": gettext_lazy("见证签过的内容在这份日志里被改动。停止使用，从备份核对"),
    "other_root": gettext_lazy("见证在 %(size)s 条处见过另一份日志。停止使用，从备份核对"),
    "went_back": gettext_lazy("见证只记得 %(size)s 条，少于它签过的。它的存储被换过，停用它"),
    "ahead": gettext_lazy("见证已签到 %(size)s 条，上次的答复没有收到。再请求一次"),
    "unknown_here": gettext_lazy("见证没有登记这份日志，或登记的是另一个公钥"),
    "wrong_signature": gettext_lazy("见证的答复里没有它对这个检查点的有效签名"),
    "no_answer": gettext_lazy("见证没有应答"),
}


def finding_words(finding: str, size: int | None) -> str:
    """What stands against a witness, in the language of the page; "" where all is well."""
    return str(FINDINGS[finding]) % {"size": f"{size or 0:,}"} if finding else ""


def kind_word(kind: str) -> str:
    """The word for a kind of entry, in the language of the page."""
    return str(KINDS[kind]) if kind in KINDS else kind


def look_word(kind: str) -> str:
    """The word for a kind of thing that is looked at; a kind without a word shows itself."""
    return str(LOOKS[kind]) if kind in LOOKS else kind
