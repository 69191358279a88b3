"""Customers' Word templates: checked and filled in by a limited process; what is wrong is told with its paragraph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from weilu.documents.limited import ask
from weilu.documents.unfit import unfit_words
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused

FIT_TO_FILL = Clause("DOC-1")
CHILD = "weilu.documents.word.child"
LARGEST = 5_000_000  # bytes of one template
MEGABYTES = 600  # of address space
SECONDS = 20  # of processor time
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

Values = dict[str, Any]  # texts by name; lists of rows of texts by name


@dataclass(frozen=True)
class Field:
    """One name of a form's vocabulary, as the page shows it."""

    name: str  # steps.title for the rows of a list
    meaning: str  # Chinese
    example: str


@dataclass(frozen=True)
class Form:
    """A form that customers may have their own template for; the room that knows its data registers it."""

    key: str
    title: Any  # lazy
    fields: tuple[Field, ...]  # single texts
    lists: Mapping[str, tuple[str, tuple[Field, ...]]]  # name: meaning, fields of a row
    required: tuple[str, ...]  # must be printed by every template
    sample: Values

    def names(self) -> dict[str, list[str]]:
        """The lists with the names of their columns, for the process that checks."""
        return {name: [one.name for one in row] for name, (_meaning, row) in self.lists.items()}


FORMS: dict[str, Form] = {}


def register_form(form: Form) -> None:
    """Let customers have templates of this form."""
    FORMS[form.key] = form


def check_template(data: bytes, form: Form, *, megabytes: int = MEGABYTES, seconds: int = SECONDS) -> bytes:
    """The template filled in with the form's sample, once it was found fit; raises Refused with what is wrong.

    It is tried twice: with every field and list filled, and with none.
    """
    if not data:
        raise Refused(_("没有选文件"), field="file")
    if len(data) > LARGEST:
        raise Refused(_("模板超过 5 MB。压缩图片后再传"), FIT_TO_FILL, field="file")
    nothing: Values = {name: [] if isinstance(value, list) else "" for name, value in form.sample.items()}
    order = {"check": True, "fields": [one.name for one in form.fields], "lists": form.names(),
             "required": list(form.required), "texts": [form.sample, nothing]}  # fmt: skip
    told, made = ask(CHILD, order, data, megabytes=megabytes, seconds=seconds)
    if "problems" in told:
        raise Refused("\n".join(_problem(one) for one in told["problems"]), FIT_TO_FILL, field="file")
    if "unfit" in told:
        raise Refused(_unfit(told["unfit"], told["what"]), FIT_TO_FILL, field="file")
    return made


def fill_template(data: bytes, values: Values, *, megabytes: int = MEGABYTES, seconds: int = SECONDS) -> bytes:
    """A template that was checked when it came, filled in; the same bytes for the same texts. Raises Refused."""
    order = {"check": False, "texts": [values]}
    told, made = ask(CHILD, order, data, megabytes=megabytes, seconds=seconds)
    if told:
        raise Refused(_unfit(told["unfit"], told["what"]), FIT_TO_FILL)
    return made


def _problem(told: dict[str, Any]) -> str:
    reasons = {
        "unknown": _("没有「%(what)s」这个字段"),
        "grammar": _("「%(what)s」的写法不支持：只能写字段、for、if"),
        "unclosed": _("「%(what)s」没有结束"),
        "unpaired": _("「%(what)s」与前面的开头不成对"),
        "not_alone": _("「%(what)s」要独占一段或一行"),
        "nested": _("「%(what)s」：循环里不能再循环"),
        "in_note": _("「%(what)s」：脚注和尾注里不能有字段"),
        "elsewhere": _("正文文字以外（如图片说明、书签）也有标签。删去后再传"),
        "properties": _("文档属性里有标签。在 Word「文件 → 信息」里删去"),
        "missing": _("缺少必须印出的字段 {{ %(what)s }}"),
    }
    reason = reasons[told["code"]] % {"what": told["what"]}
    if not told["paragraph"]:
        return reason
    places = {
        "body": _("正文第 %(n)d 段"), "header": _("页眉第 %(n)d 段"), "footer": _("页脚第 %(n)d 段"),
        "note": _("脚注或尾注第 %(n)d 段"),
    }  # fmt: skip
    place = places[told["story"]] % {"n": told["paragraph"]}
    return _("%(place)s「%(words)s」：%(reason)s") % {"place": place, "words": told["words"], "reason": reason}


def _unfit(code: str, what: str) -> str:
    own = {
        "other_kind": _("这不是 Word 的 DOCX 文件"),
        "old_kind": _("这是旧格式（.doc）或加了密码的文件。另存为没有密码的 DOCX 再传"),
        "template": _("这是 Word 模板格式（.dotx）。另存为 DOCX 再传"),
        "broken": _("文件已损坏，打不开。用 Word 另存后再传"),
        "runs": _("文件含有宏、ActiveX 或嵌入的对象：「%(what)s」。删去后另存为 DOCX 再传"),
        "outside": _("文件引用外部内容：「%(what)s」。删去链接或改成嵌入后再传"),
        "unknown_part": _("文件含有不允许的部件「%(what)s」。删去后再传"),
        "instruction": _("文件含有不允许的域「%(what)s」。删去后再传"),
        "tracked": _("文件里还有修订痕迹。接受或拒绝全部修订后再传"),
        "limits": _("模板处理超过了时间限制，已停止"),
        "memory": _("模板处理超过了内存限制，已停止"),
        "fell": _("模板填入数据后打不开。用 Word 另存后再传"),
    }
    return unfit_words(code, what, own)
