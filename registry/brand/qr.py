"""QR codes of a brand's links. A link fits easily; evidence does not."""

from __future__ import annotations

import io

import segno

_BORDER, _SCALE = 4, 4  # modules: the quiet zone of ISO/IEC 18004; pixels


def svg_of(link: str) -> str:
    """Return the code as an SVG element, dark on white, without a style or a script."""
    return _code(link).svg_inline(
        scale=_SCALE, border=_BORDER, light="#fff", dark="#000", svgclass=None, lineclass=None
    )


def svg_file(link: str) -> bytes:
    """Return the code as an SVG file, to print."""
    sink = io.BytesIO()
    _code(link).save(sink, kind="svg", scale=_SCALE, border=_BORDER, light="#fff", dark="#000")
    return sink.getvalue()


def text_of(link: str) -> list[str]:
    """Return the code as lines of half blocks for a terminal, light on dark."""
    sink = io.StringIO()
    _code(link).terminal(out=sink, compact=True, border=2)
    return sink.getvalue().rstrip("\n").split("\n")


def _code(link: str) -> segno.QRCode:
    return segno.make(link, error="m", micro=False)
