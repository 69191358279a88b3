"""QR codes as vectors."""

import io

import segno

DENSEST = 2520  # characters: a code of version 30, whose modules are a quarter of a millimetre on 34 mm


def proof_qr(text: str) -> str:
    """A long code for print at 34 mm: as coarse as its text allows; "" when it would be too fine to be read."""
    if len(text) > DENSEST:
        return ""
    return _svg(segno.make(text, error="l", mode="alphanumeric", micro=False, boost_error=True))


def qr_svg(text: str) -> str:
    """`text` as a QR code (error correction M) in SVG, without a quiet zone: the paper around it is white."""
    return _svg(segno.make(text, error="m", micro=False))


def _svg(code: segno.QRCode) -> str:
    out = io.BytesIO()
    code.save(out, kind="svg", border=0, xmldecl=False, svgns=True, nl=False)
    return out.getvalue().decode("ascii")
