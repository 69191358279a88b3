"""The record sheet as PDF: Typst in its warm process against WeasyPrint, the same words in the same fonts."""

import html
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weilu.documents.glyphs import FONTS
from weilu.documents.printing import Press
from weilu.documents.qr import qr_svg

TIMES = 15
GOAL_RATIO = 1 / 15
GOAL_MEMORY = 250
TABLE = "border-collapse: collapse; width: 100%"
STYLE = f"""
@page {{ size: A4; margin: 20mm 18mm 20mm 22mm;
  @top-left {{ content: "软件升级维护记录单（续页）"; font: 8pt Sans }}
  @bottom-left {{ content: "本单一式两份"; font: 7pt Sans }}
  @bottom-right {{ content: "第 " counter(page) " 页，共 " counter(pages) " 页"; font: 7pt Sans }} }}
@font-face {{ font-family: Serif; src: url("file://{FONTS}/NotoSerifSC-Regular.ttf") }}
@font-face {{ font-family: Sans; src: url("file://{FONTS}/NotoSansSC-Regular.ttf") }}
@font-face {{ font-family: Sans; font-weight: bold; src: url("file://{FONTS}/NotoSansSC-Bold.ttf") }}
@font-face {{ font-family: Mono; src: url("file://{FONTS}/JetBrainsMono-Regular.ttf") }}
body {{ font: 10pt/1.5 Serif }} h1 {{ font: bold 20pt Sans; text-align: center }} h2 {{ font: bold 10pt Sans }}
table {{ {TABLE} }} td, th {{ border: .5pt solid #444; padding: 3pt 5pt }} th {{ font: 9pt Sans; background: #f5f5f5 }}
.box {{ border: .5pt solid #444; padding: 6pt }} .mono {{ font: 7pt Mono }}
.seal {{ float: right; width: 24mm; height: 24mm; border: .6pt dashed #999; border-radius: 12mm }}
h2 {{ break-after: avoid }}
.qr svg {{ width: 21mm; float: right }}
"""


def ticks(labels: str, ticked: int) -> list[dict[str, Any]]:
    """Boxes with one of them ticked."""
    return [{"label": label, "ticked": at == ticked} for at, label in enumerate(labels.split())]


def sheet(turn: int) -> dict[str, Any]:
    """A signed sheet with twelve steps; `turn` makes each one different, so that nothing comes from a cache."""
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 200"><path d="M20 120L80 40L120 160L200 60L260 150'
        'L330 50L420 160L560 80" fill="none" stroke="#000" stroke-width="4.5"/></svg>'
    )
    half = {"drawing": drawing, "at": "2026-09-28 14:20", "words": "", "digest": "5f" * 32, "day": "2026 年 9 月 28 日"}
    return {
        "timestamp": 1790000000 + turn,
        "organisation": "江州社会保险事业管理中心",
        "number": f"JZ-WH-2026-{turn:04d}",
        "item": f"JZ-BG-2026-{turn:04d}",
        "date": "2026 年 9 月 28 日",
        "contract": "JZ-HT-2026-003",
        "qr": qr_svg(f"http://127.0.0.1:8000/s/{turn:040x}"),
        "qr_caption": "扫码核对",
        "customer": "江州社会保险事业管理中心养老待遇科",
        "vendor": "禾川软件有限公司",
        "system": "网上预约平台",
        "version_from": "1.0.0",
        "version_to": "1.1.0",
        "kinds": ticks("版本升级 缺陷修复 补丁加载 数据维护 例行巡检 其他", 0),
        "ways": ticks("电话热线 远程维护 现场服务 主动巡检", 1),
        "urgency": ticks("紧急 重要 一般", 1),
        "times": [{"label": label, "value": "2026-09-28 22:00"} for label in ("申请", "批准", "开始", "完成")],
        "levels": [],
        "cause": f"第 {turn} 次：预约批次超过 500 笔时页面提示超时，财务人员无法继续办理。经排查，缺少索引。" * 3,
        "done": [f"第 {at} 项：按批准的方案执行，备份校验通过，安装与验收完成。" for at in range(1, 6)],
        "steps": [
            {
                "title": f"步骤 {at} 备份代码与数据并还原比对",
                "host": "app-01",
                "started": f"22:{at:02d}:00",
                "took": f"{at * 7} 秒",
                "result": "成功",
                "digest": f"{turn * 1000 + at:012x}",
            }
            for at in range(1, 13)
        ],
        "tests": [{"title": f"检查 {at}", "report": "", "counts": "", "result": "通过"} for at in range(1, 5)],
        "remaining": "",
        "opinion": "功能正常，同意验收。",
        "satisfaction": ticks("非常满意 满意 基本满意 不满意", 1),
        "acceptance": ticks("同意验收 整改后复验", 0),
        "mark": "",
        "mark_words": "",
        "foot": "本单一式两份，甲乙双方各执一份。",
        "halves": [
            half | {"title": "甲方（用户单位）", "first": "使用人：", "second": "部门负责人：", "name": "王敏"},
            half | {"title": "乙方（服务单位）", "first": "实施工程师：", "second": "项目负责人：", "name": "陈航"},
        ],
        "proof_words": "本单定稿时的全部内容按下列摘要写入只增不改的存证日志。",
        "proof": [
            {"label": "SHA-256", "value": "ab" * 32, "mono": True},
            {"label": "SM3", "value": "cd" * 32, "mono": True},
        ],
    }


def as_html(form: dict[str, Any]) -> str:
    """The same form for WeasyPrint: simpler lines, the same words, tables and drawings."""

    def say(value: object) -> str:
        return html.escape(str(value))

    def row(cells: list[object], tag: str = "td") -> str:
        return "<tr>" + "".join(f"<{tag}>{say(cell)}</{tag}>" for cell in cells) + "</tr>"

    def ticks(choices: list[dict[str, Any]]) -> str:
        mark = '<path d="M2.6 6.2l2.4 2.6 4.4-5.6" fill="none" stroke="#000" stroke-width="1.6"/>'
        box = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 12 12" width="9" height="9">'
        box += '<rect x="1" y="1" width="10" height="10" fill="none" stroke="#000"/>'
        return " ".join(box + (mark if one["ticked"] else "") + "</svg> " + one["label"] for one in choices)

    def table_row(cells: list[str]) -> str:
        return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"

    steps = "".join(
        row([at, *(step[key] for key in ("title", "host", "started", "took", "result", "digest"))])
        for at, step in enumerate(form["steps"], start=1)
    )
    halves = "".join(
        f"<td><b>{say(one['title'])}</b><br>{say(one['first'])}{one['drawing']}<br>{say(one['second'])}<br>"
        f"系统确认签名 {say(one['name'])} {say(one['at'])}<br><span class=mono>{one['digest']}</span> "
        f"{say(one['day'])}<i class=seal>盖章处</i></td>"
        for one in form["halves"]
    )
    proof = "".join(f"<p class=mono>{one['label']} {one['value']}</p>" for one in form["proof"])
    return f"""<!doctype html><html lang="zh"><meta charset="utf-8"><title>{say(form["number"])}</title>
<style>{STYLE}</style><div class="qr">{form["qr"]}</div><p>{say(form["organisation"])}</p><h1>软件升级维护记录单</h1>
<p>编号：{say(form["number"])} 日期：{say(form["date"])} 合同：{say(form["contract"])} 工单：{say(form["item"])}</p>
<table>{row(["甲方", form["customer"], "乙方", form["vendor"]])}
{row(["系统", form["system"], "版本", form["version_to"]])}
{table_row(["维护类别", ticks(form["kinds"]), "服务方式", ticks(form["ways"])])}
{table_row(["紧急程度", ticks(form["urgency"]), "", ""])}</table>
<h2>一、时间</h2><table>{"".join(row([one["label"], one["value"]]) for one in form["times"])}</table>
<h2>二、维护原因</h2><div class="box">{say(form["cause"])}</div>
<h2>三、处理情况</h2><ol class="box">{"".join(f"<li>{say(one)}</li>" for one in form["done"])}</ol>
<h2>四、执行步骤与证据</h2><table>
{row(["序号", "步骤", "主机", "开始", "耗时", "结果", "证据摘要"], "th")}{steps}</table>
<h2>五、测试结论</h2><table>{"".join(row([one["title"], one["result"]]) for one in form["tests"])}</table>
<h2>六、遗留问题与后续安排</h2><div class="box">　</div><h2>七、甲方意见与签字确认</h2>
<p>{say(form["opinion"])} {ticks(form["satisfaction"])} {ticks(form["acceptance"])}</p>
<table><tr>{halves}</tr></table>
<p>{say(form["proof_words"])}</p>{proof}"""


def rows() -> list[dict[str, Any]]:
    """Both printers in turn, every time another sheet; then what the warm process holds at its highest."""
    from weasyprint import HTML
    from weasyprint.text.fonts import FontConfiguration

    fonts = FontConfiguration()
    press = Press(resident=100_000)
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(TIMES + 1):
        form = sheet(turn)
        ours.append(_timed(lambda form=form: press.print("record-sheet", form)))  # type: ignore[misc]
        page = as_html(form)
        theirs.append(_timed(lambda page=page: HTML(string=page).write_pdf(font_config=fonts, pdf_variant="pdf/a-2b")))  # type: ignore[misc]
    for turn in range(200):
        press.print("record-sheet", sheet(1000 + turn))
    memory = _highest_megabytes(press.pid)
    press.close()
    warm, reference = statistics.median(ours[1:]), statistics.median(theirs[1:])
    return [
        {
            "name": "record sheet as PDF, warm (ms)",
            "value": round(warm * 1000, 1),
            "reference": round(reference * 1000, 1),
            "ratio": round(warm / reference, 4),
            "goal": round(GOAL_RATIO, 4),
            "reached": warm / reference <= GOAL_RATIO,
        },
        {
            "name": "record sheet as PDF, first (ms)",
            "value": round(ours[0] * 1000, 1),
            "reference": round(theirs[0] * 1000, 1),
            "ratio": round(ours[0] / theirs[0], 4),
            "goal": None,
            "reached": None,
        },
        {
            "name": "printing process after 216 sheets, highest (MB)",
            "value": memory,
            "reference": None,
            "ratio": None,
            "goal": GOAL_MEMORY,
            "reached": memory <= GOAL_MEMORY,
        },
    ]


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _highest_megabytes(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) * 1024 / 1e6, 1)


if __name__ == "__main__":
    for row in rows():
        print(json.dumps(row, ensure_ascii=False))
