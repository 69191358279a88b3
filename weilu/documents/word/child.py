"""The process that opens a customer's DOCX: limited before it looks, asked and answering once, over its pipes.

It is given the file, the names it may hold and plain texts; it answers what is wrong, or the file filled in.
"""

import json
import resource
import struct
import sys
from dataclasses import asdict
from typing import Any

HEAD = struct.Struct(">II")  # lengths of the order (JSON) and of the file; in answers too


def main() -> None:
    megabytes, seconds = int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    lengths = HEAD.unpack(sys.stdin.buffer.read(HEAD.size))
    order, data = json.loads(sys.stdin.buffer.read(lengths[0])), sys.stdin.buffer.read(lengths[1])
    told, made = answer(order, data)
    said = json.dumps(told).encode()
    sys.stdout.buffer.write(HEAD.pack(len(said), len(made)) + said + made)
    sys.stdout.buffer.flush()


def answer(order: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """What was found, and the file filled in with the first of the texts."""
    from weilu.documents.word.filling import check_opens, filled
    from weilu.documents.word.shape import Unfit, checked_parts
    from weilu.documents.word.tags import problems_of

    try:
        if order["check"]:
            parts = checked_parts(data)
            wrong = problems_of(parts, order["fields"], order["lists"], order["required"])
            if wrong:
                return {"problems": [asdict(one) for one in wrong]}, b""
        made = [filled(data, texts) for texts in order["texts"]]
        for one in made:
            check_opens(one)
    except Unfit as unfit:
        return {"unfit": unfit.code, "what": unfit.what}, b""
    except MemoryError:
        return {"unfit": "memory", "what": ""}, b""
    return {}, made[0]
