"""Controlled documents to try things on."""

from datetime import date, timedelta
from typing import Any

from tests.documents.word import made
from weilu.demo import Cast
from weilu.documents.actions import Proposal, approve_version, propose_version, register_document
from weilu.documents.models import Document, Version, today

PDF = b"%PDF-1.7 plain"


def proposal(**over: Any) -> Proposal:
    """What 郑 proposes: an internal rule for the department and 陈."""
    given: dict[str, Any] = {
        "label": "V1.0", "title": "软件和补丁升级管理制度", "level": "internal", "effective": today(),
        "keeper": "zhengjie", "recipients": ["department:养老待遇科", "person:chenhang"], "name": "制度.pdf",
        "data": PDF,
    }  # fmt: skip
    return Proposal(**(given | over))


def register(cast: Cast, number: str = "JZ-ZD-01", *, form: str = "", by: Any = None, **over: Any) -> Version:
    return register_document(by or cast.zheng, cast.jz, number=number, form=form, proposal=proposal(**over))


def approve(cast: Cast, version: Version, by: Any = None) -> Version:
    return approve_version(by or cast.wu, version, sha256=version.sha256)


def make_document(cast: Cast, number: str = "JZ-ZD-01", **over: Any) -> Document:
    """A document in force, given to 王, 李 and 陈."""
    return Document.objects.get(id=approve(cast, register(cast, number, **over)).document_id)


def next_version(cast: Cast, document: Document, **over: Any) -> Version:
    return propose_version(cast.zheng, document, proposal=proposal(**({"label": "V2.0"} | over)))


def make_template(cast: Cast, *paragraphs: str, number: str = "JZ-MB-01", **over: Any) -> Version:
    """A template of the record sheet in force, approved by 吴."""
    data = made(*paragraphs) if "data" not in over else over.pop("data")
    given: dict[str, Any] = {
        "title": "记录单模板",
        "level": "public",
        "recipients": [],
        "name": "模板.docx",
        "data": data,
    }
    return approve(cast, register(cast, number, form="record-sheet", **(given | {"data": data} | over)))


def tomorrow() -> date:
    return today() + timedelta(days=1)
