"""Real DOCX files to try templates with: written by python-docx, or taken apart and put together again by hand."""

import io
import zipfile
from collections.abc import Callable, Sequence

import docx

REQUIRED = "编号 {{ number }} 摘要 {{ sha256 }} 模板 {{ template }}"


def made(
    *paragraphs: str, header: str = "", footer: str = "", rows: Sequence[str] = (), required: bool = True
) -> bytes:
    """A document with these paragraphs, header, footer, and a table of one cell a row."""
    document = docx.Document()
    for text in (*paragraphs, *([REQUIRED] if required else [])):
        document.add_paragraph(text)
    if rows:
        table = document.add_table(rows=0, cols=1)
        for text in rows:
            table.add_row().cells[0].text = text
    if header:
        document.sections[0].header.paragraphs[0].text = header
    if footer:
        document.sections[0].footer.paragraphs[0].text = footer
    return saved(document)


def saved(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


def broken_over_runs(*pieces: str) -> bytes:
    """A document whose first paragraph has each piece in a run of its own, as Word leaves what was typed and mended."""
    document = docx.Document()
    paragraph = document.add_paragraph()
    for place, piece in enumerate(pieces):
        paragraph.add_run(piece).bold = bool(place % 2)
    document.add_paragraph(REQUIRED)
    return saved(document)


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        return {name: found.read(name) for name in found.namelist()}


def packed(parts: dict[str, bytes], *, stored: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as target:
        for name, part in parts.items():
            target.writestr(name, part)
    return out.getvalue()


def changed(name: str, change: Callable[[bytes], bytes], data: bytes | None = None) -> bytes:
    """A template one of whose parts was changed by hand."""
    parts = parts_of(data or made())
    parts[name] = change(parts[name])
    return packed(parts)


def with_part(name: str, part: bytes, kind: str, link: str = "") -> bytes:
    """A template with one part more, declared by its content type, and linked from the document where `link` says."""
    parts = parts_of(made())
    override = f'<Override PartName="/{name}" ContentType="{kind}"/></Types>'.encode()
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(b"</Types>", override)
    parts[name] = part
    if link:
        parts["word/_rels/document.xml.rels"] = linked(link, name.removeprefix("word/"))(
            parts["word/_rels/document.xml.rels"]
        )
    return packed(parts)


def linked(kind: str, target: str, mode: str = "") -> Callable[[bytes], bytes]:
    """A change of a part of relationships: one more of them."""
    outside = f' TargetMode="{mode}"' if mode else ""
    kind = kind if ":" in kind else f"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"
    row = f'<Relationship Id="rIdX" Type="{kind}" Target="{target}"{outside}/></Relationships>'.encode()
    return lambda part: part.replace(b"</Relationships>", row)


def in_body(xml: str) -> bytes:
    """A template with this XML at the beginning of its body."""
    return changed("word/document.xml", lambda part: part.replace(b"<w:body>", b"<w:body>" + xml.encode(), 1))


def texts(data: bytes) -> list[str]:
    """All paragraphs of body, tables, header and footer, as python-docx reads them."""
    document = docx.Document(io.BytesIO(data))
    found = [one.text for one in document.paragraphs]
    found += [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    section = document.sections[0]
    return found + [one.text for part in (section.header, section.footer) for one in part.paragraphs]
