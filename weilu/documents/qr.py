"""QR codes as vectors."""

import io

import segno


def qr_svg(text: str) -> str:
    """`text` as a QR code (error correction M) in SVG, without a quiet zone: the paper around it is white."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", border=0, xmldecl=False, svgns=True, nl=False)
    return out.getvalue().decode("ascii")
