"""What is asked of a customer's DOCX in a limited process (`documents.limited`).

It is given the file, the names it may hold and plain texts; it answers what is wrong, or the file filled in.
"""

from dataclasses import asdict
from typing import Any

from weilu.documents.word.filling import check_opens, filled
from weilu.documents.word.shape import checked_parts
from weilu.documents.word.tags import problems_of


def answer(order: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """What was found, and the file filled in with the first of the texts; raises Unfit."""
    if order["check"]:
        parts = checked_parts(data)
        wrong = problems_of(parts, order["fields"], order["lists"], order["required"])
        if wrong:
            return {"problems": [asdict(one) for one in wrong]}, b""
    made = [filled(data, texts) for texts in order["texts"]]
    for one in made:
        check_opens(one)
    return {}, made[0]
