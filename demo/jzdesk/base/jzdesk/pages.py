"""The page people see."""

from html import escape

from jzdesk.release import COLUMNS, VERSION

FRAME = """<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><title>网上预约平台</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:15px/1.6 sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}}
td,th{{padding:.3rem .8rem .3rem 0;text-align:left}}.held{{background:#fdf3e1;padding:.5rem 1rem}}</style>
<h1>网上预约平台</h1><p>江州社会保险事业管理中心 · 版本 {version}</p>{notice}
<form method="post" action="/api/appointments">
<input name="name" placeholder="姓名"> <input name="phone" placeholder="电话">
<input name="matter" placeholder="事项"> <input name="day" placeholder="日期"> <button>预约</button></form>
<table><tr>{head}</tr>{rows}</table></html>
"""


def front(appointments: list[dict[str, object]], held: bool) -> str:
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(one.get(key, '')))}</td>" for key in COLUMNS) + "</tr>"
        for one in appointments[-50:]
    )
    notice = '<p class="held">系统升级中，暂停预约，稍后再试。</p>' if held else ""
    head = "".join(f"<th>{title}</th>" for title in COLUMNS.values())
    return FRAME.format(version=VERSION, notice=notice, head=head, rows=rows)
