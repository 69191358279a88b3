"""The vocabulary of a customer's own record sheet, and a sheet in its words: plain texts of the frozen record."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from weilu.documents.models import Version
from weilu.documents.templating import Field, Form, Values
from weilu.records.models import RecordSheet
from weilu.records.paper import sheet_form

KEY = "record-sheet"
# Meanings and examples are part of an official Chinese form, whatever the language of the page.
FIELDS = (
    Field("number", "编号", "XX-WH-2026-0001"), Field("date", "日期", "2026 年 9 月 28 日"),
    Field("organisation", "单位名称", "某市某某中心"), Field("item", "工单号", "XX-BG-2026-0147"),
    Field("state", "状态", "已签署"), Field("customer", "甲方", "某市某某中心 业务科"),
    Field("vendor", "乙方", "某某软件有限公司"), Field("contract", "合同编号", "XX-HT-2026-003"),
    Field("system", "系统名称", "某某业务系统"), Field("version_from", "原版本", "1.0.0"),
    Field("version_to", "新版本", "1.1.0"), Field("kinds", "维护类别", "版本升级"),
    Field("ways", "服务方式", "远程维护"), Field("urgency", "紧急程度", "重要"),
    Field("cause", "维护原因", "登记时要能写备注。"), Field("remaining", "遗留问题", "无"),
    Field("engineer", "实施工程师", "李四"), Field("opinion", "甲方意见", "同意验收。"),
    Field("satisfaction", "满意度", "满意"), Field("acceptance", "验收结论", "同意验收"),
    Field("customer_signature", "甲方签署人和时间", "张三　2026-09-28 22:10"),
    Field("vendor_signature", "乙方签署人和时间", "李四　2026-09-28 22:08"),
    Field("overtime_total", "加班合计", "2 小时 30 分"),
    Field("overtime_answer", "甲方对加班的答复", "张三　2026-09-28 22:12"),
    Field("sha256", "定稿内容的 SHA-256", "9f86d081…"), Field("sm3", "定稿内容的 SM3", "66c7f0f4…"),
    Field("template", "模板编号、版本和摘要", "XX-MB-01 V1.0 3ac41f0e92bd"),
)  # fmt: skip
LISTS = {
    "times": ("时间", (Field("label", "名称", "开始执行"), Field("value", "时间", "2026-09-28 22:00"))),
    "done": ("处理情况", (Field("number", "序号", "1"), Field("text", "内容", "按批准的方案执行。"))),
    "steps": ("执行步骤", (
        Field("number", "序号", "1"), Field("title", "步骤", "核对来源与完整性"), Field("host", "主机", "host-01"),
        Field("started", "开始", "22:00:00"), Field("took", "耗时", "3 秒"), Field("result", "结果", "成功"),
        Field("digest", "证据摘要", "ab12cd34ef56"))),
    "tests": ("测试", (
        Field("number", "序号", "1"), Field("title", "项目", "版本正确"), Field("report", "报告编号", "CS-01"),
        Field("counts", "通过 / 用例", "86 / 86"), Field("result", "结论", "通过"))),
    "levels": ("服务水平", (
        Field("name", "指标", "响应时间"), Field("agreed", "约定", "30 分钟"), Field("actual", "实际", "12 分钟"),
        Field("verdict", "结论", "达标"))),
    "overtime": ("现场加班", (
        Field("name", "人员", "李四"), Field("since", "起", "2026-09-28 18:00"),
        Field("until", "止", "2026-09-28 20:30"),
        Field("hours", "工作时间以外", "2 小时 30 分"), Field("reason", "原因", "升级后留守观察。"))),
}  # fmt: skip
STATES = {"draft": "草稿", "frozen": "待签署", "signed": "已签署", "refused": "甲方拒签", "cancelled": "编号已作废"}
SAMPLE: Values = {one.name: one.example for one in FIELDS} | {
    name: [{one.name: one.example for one in row} for _time in range(2)] for name, (_meaning, row) in LISTS.items()
}
RECORD_SHEET = Form(KEY, _("软件升级维护记录单"), FIELDS, LISTS, ("number", "sha256", "template"), SAMPLE)


def sheet_values(sheet: RecordSheet, template: Version) -> Values:
    """The sheet in the words of the vocabulary, as it stands now."""
    form = sheet_form(sheet)
    customer, vendor = form["halves"]
    same = ("number", "date", "organisation", "item", "customer", "vendor", "contract", "system", "version_from",
            "version_to", "cause", "remaining", "opinion")  # fmt: skip
    single: Values = {name: form[name] for name in same} | {
        name: "、".join(one["label"] for one in form[name] if one["ticked"])
        for name in ("kinds", "ways", "urgency", "satisfaction", "acceptance")
    }
    single |= {
        "state": STATES[sheet.state], "engineer": sheet.content["engineer"], "sha256": sheet.digest, "sm3": sheet.sm3,
        "customer_signature": _signature(customer), "vendor_signature": _signature(vendor),
        "overtime_total": form["overtime"]["total"] if form["overtime"]["rows"] else "",
        "overtime_answer": form["overtime"]["words"].removeprefix("系统确认签名　"), "template": name_of(template),
    }  # fmt: skip
    lists = {name: form[name] for name in ("times", "steps", "tests", "levels")}
    lists |= {"done": [{"text": words} for words in form["done"]], "overtime": form["overtime"]["rows"]}
    return single | {name: _rows(name, rows) for name, rows in lists.items()}


def name_of(template: Version) -> str:
    """Number, version and digest of a template, as sheets filled into it name it."""
    return f"{template.document.number} {template.label} {template.sha256[:12]}"


def _signature(half: dict[str, str]) -> str:
    return f"{half['name']}　{half['at']}" if half["name"] else ""


def _rows(name: str, rows: list[Any]) -> list[dict[str, str]]:
    """The rows of a list with exactly the columns of the vocabulary."""
    columns = [one.name for one in LISTS[name][1]]
    return [{one: str(({"number": at} | row).get(one, "")) for one in columns} for at, row in enumerate(rows, start=1)]
