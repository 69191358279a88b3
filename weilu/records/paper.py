"""A record sheet as its paper form shows it: every field worded, every choice ticked, blanks left blank.

The form is an official Chinese document: its words stay Chinese in every language of the page.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypedDict

from django.conf import settings

from weilu.documents.qr import proof_qr, qr_svg
from weilu.evidence.keys import log_origin
from weilu.evidence.models import Checkpoint
from weilu.evidence.queries import indexes
from weilu.kernel.times import SHANGHAI
from weilu.records.content import ACCEPTANCE, KINDS, SATISFACTION, URGENCY, WAYS
from weilu.records.drawing import svg_of
from weilu.records.models import OvertimeAnswer, RecordSheet, SheetSignature
from weilu.records.overtime_lines import hours_words
from weilu.records.proof import SIDES
from weilu.records.sealing import checkpoint_over, entry_of, proof_text

FOOT = "本单一式两份，甲乙双方各执一份。扫描首页二维码可核对编号、日期、状态和摘要，末页凭证可离线核验。"
PROOF_WORDS = (
    "本单定稿时的全部内容按下列摘要写入只增不改的存证日志。左侧二维码含关键字段、包含证明和检查点签名，"
    "用核验程序 proof.py 或维录的「核验凭证」页可离线比对；与纸面不一致即无效。"
    "「系统确认签名」由本人登录并再次输入密码后作出。"
)
NO_CODE = {
    "early": "双方签署后\n印凭证",
    "waiting": "凭证等待检查点\n稍后重新打印",
    "older": "本单早于凭证启用",
}
MARKS = {
    "draft": ("草稿", "尚未定稿，没有编号，不作凭证"),
    "refused": ("拒签", "甲方拒签，原因见第七项"),
    "cancelled": ("作废", "编号保留"),
}


class Choice(TypedDict):
    """A box of the form and whether it is ticked."""

    label: str
    ticked: bool


def sheet_form(sheet: RecordSheet) -> dict[str, Any]:
    """The data of `forms/record-sheet.typ` for this sheet; the page shows the same words."""
    content = sheet.content
    signed = {one.side: one for one in sheet.signatures.select_related("person")}
    at = sheet.frozen_at or sheet.created_at
    mark, words = MARKS.get(sheet.state, ("", ""))
    return {
        "timestamp": int((sheet.ended_at or at).timestamp()),
        "organisation": sheet.owner.name,
        "number": sheet.number or "",
        "item": sheet.item.number,
        "date": _day(at) if sheet.frozen_at else "　　年　　月　　日",
        "qr": qr_svg(public_address(sheet)) if sheet.frozen_at else "",
        "qr_caption": "扫码核对",
        "kinds": _choices(KINDS, content["kinds"]),
        "ways": _choices(WAYS, content["ways"]),
        "urgency": _choices(URGENCY, [content["urgency"]]),
        "times": [{"label": row["label"], "value": _instant(row["at"])} for row in content["times"]],
        "levels": content.get("levels", []),
        "steps": [_step(row) for row in content["steps"]],
        "tests": [{"title": row["title"], "result": row["result"], "report": row.get("report", ""),
                   "counts": row.get("counts", "")} for row in content["tests"]],
        "mark": mark,
        "mark_words": f"{words}。原因：{sheet.reason}" if sheet.state == "cancelled" else words,
        "foot": FOOT,
        "halves": [
            _half("甲方（用户单位）", "使用人：", "部门负责人：", signed.get("customer")),
            _half("乙方（服务单位）", "实施工程师：", "项目负责人：", signed.get("vendor")),
        ],
        "overtime": _overtime(sheet),
        "proof_words": PROOF_WORDS,
        **_proof(sheet),
        **{key: content[key] for key in ("customer", "vendor", "contract", "system", "version_from", "version_to",
                                         "cause", "done", "remaining")},
        **_opinion(sheet, signed.get("customer")),
    }  # fmt: skip


def public_address(sheet: RecordSheet) -> str:
    """What the short QR carries: the anonymous page of this sheet."""
    return f"{settings.CONFIG.site}/s/{sheet.token}"


def _opinion(sheet: RecordSheet, signature: SheetSignature | None) -> dict[str, Any]:
    words = signature.opinion if signature else ""
    if sheet.state == RecordSheet.State.REFUSED and sheet.ended_by and sheet.ended_at:
        words = f"拒签。原因：{sheet.reason}（{sheet.ended_by.name}，{_minute(sheet.ended_at)}，系统确认）"
    return {
        "opinion": words,
        "satisfaction": _choices(SATISFACTION, [signature.satisfaction] if signature else []),
        "acceptance": _choices(ACCEPTANCE, [signature.acceptance] if signature else []),
    }


def _half(title: str, first: str, second: str, signature: SheetSignature | None) -> dict[str, str]:
    half = dict.fromkeys(("drawing", "name", "at", "words", "digest", "day"), "")
    if signature is not None:
        half |= {
            "drawing": svg_of(signature.strokes),
            "name": signature.person.name,
            "at": _minute(signature.at),
            "words": "" if signature.strokes else "未手写，以姓名代替",
            "digest": signature.digest,
            "day": _day(signature.at),
        }
    return {"title": title, "first": first, "second": second} | half


def _overtime(sheet: RecordSheet) -> dict[str, Any]:
    """The overtime and the customer's word on it; `rows` is empty where there was none."""
    lines = sheet.content.get("overtime", [])
    answer = OvertimeAnswer.objects.filter(sheet=sheet).select_related("person").first() if lines else None
    words = ""
    if answer is not None:
        who = f"{answer.person.name}　{_minute(answer.at)}"
        words = f"系统确认签名　{who}" if answer.signed else f"不认可。原因：{answer.reason}（{who}，系统确认）"
    return {
        "rows": [
            {"name": line["name"], "since": _instant(line["since"]), "until": _instant(line["until"]),
             "hours": hours_words(line["minutes"]), "reason": line["reason"]}
            for line in lines
        ],
        "total": hours_words(sum(line["minutes"] for line in lines)),
        "signed": answer is not None and answer.signed,
        "drawing": svg_of(answer.strokes) if answer else "",
        "name": answer.person.name if answer and answer.signed else "",
        "instead": "未手写，以姓名代替" if answer and answer.signed and not answer.strokes else "",
        "words": words,
        "digest": answer.digest if answer else "",
        "day": _day(answer.at) if answer and answer.signed else "",
    }  # fmt: skip


def _proof(sheet: RecordSheet) -> dict[str, Any]:
    """The proof block: the code where there is one, else why not, and the lines beside it."""
    if not sheet.frozen_at or sheet.evidence is None:
        rows = [{"label": "存证", "value": "定稿后写入", "mono": False}]
        return {"proof_qr": "", "proof_missing": NO_CODE["early"], "proof": rows}
    entry = entry_of(sheet)
    checkpoint = checkpoint_over(entry) if entry else None
    index = entry.index if entry else indexes([sheet.evidence]).get(sheet.evidence)
    place = f"条目 #{index}" if index is not None else "条目待编入"
    signed = f"大小 {checkpoint.size}　{_minute(checkpoint.at)}" if checkpoint else "条目还没有编入检查点"
    rows = [
        {"label": "日志 / 条目", "value": f"{log_origin()}　{place}", "mono": False},
        {"label": "检查点", "value": signed, "mono": False},
        {"label": "见证", "value": _witnessed(checkpoint), "mono": False},
        {"label": "SHA-256", "value": sheet.digest, "mono": True},
        {"label": "SM3", "value": sheet.sm3, "mono": True},
    ]
    code = proof_qr(proof_text(entry, checkpoint)) if entry and checkpoint else ""
    return {"proof_qr": code, "proof_missing": "" if code else NO_CODE[_why_no_code(sheet)], "proof": rows}


def _witnessed(checkpoint: Checkpoint | None) -> str:
    rows = checkpoint.cosignatures.select_related("witness").order_by("witness_id") if checkpoint else []
    return "　".join(f"{SIDES[one.witness.side]}见证 {one.witness.name}，{_minute(one.at)}" for one in rows) or "待见证"


def _why_no_code(sheet: RecordSheet) -> str:
    if sheet.state == RecordSheet.State.FROZEN:
        return "early"
    return "waiting" if sheet.sealed else "older"


def _choices(all_: dict[str, str], chosen: Iterable[str]) -> list[Choice]:
    ticked = set(chosen)
    return [{"label": label, "ticked": key in ticked} for key, label in all_.items()]


def _step(row: dict[str, Any]) -> dict[str, str]:
    began = datetime.fromisoformat(row["started_at"]).astimezone(SHANGHAI) if row["started_at"] else None
    return {
        "title": row["title"],
        "host": row["host"],
        "started": began.strftime("%H:%M:%S") if began else "",
        "took": f"{row['seconds']} 秒" if began else "",
        "result": row["result"],
        "digest": row["digest"][:12],
    }


def _instant(at: str) -> str:
    return _minute(datetime.fromisoformat(at)) if at else ""


def _minute(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def _day(at: datetime) -> str:
    local = at.astimezone(SHANGHAI)
    return f"{local.year} 年 {local.month} 月 {local.day} 日"
