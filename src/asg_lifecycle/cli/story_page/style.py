"""The colours and the style sheet of the page. `tests/cli/test_story_page.py` computes the contrasts."""

from __future__ import annotations

import base64
import hashlib

LIGHT = {
    "page": "#ffffff",
    "panel": "#f4f6f8",
    "line": "#d0d7de",
    "text": "#1b1f24",
    "muted": "#4b5563",
    "link": "#0b5cad",
    "focus": "#b35900",
    "wait": "#7d8590",
    "done": "#1a7f37",
    "failed": "#b42318",
    "skipped": "#6e7781",
    "observed": "#6639ba",
    "under-way": "#0969da",
    "held": "#bc4c00",
    "unfinished": "#9a6700",
    "queued": "#8250df",
    "blocker": "#9a6700",
    "look": "#57606a",
    "beat": "#bf3989",
    "message": "#8250df",
    "signal": "#1b7c83",
    "takeover": "#bc4c00",
    "deadline": "#cf222e",
}
DARK = {
    "page": "#0d1117",
    "panel": "#161b22",
    "line": "#30363d",
    "text": "#e6edf3",
    "muted": "#a9b4c0",
    "link": "#79b8ff",
    "focus": "#ffb86b",
    "wait": "#6e7681",
    "done": "#3fb950",
    "failed": "#ff7b72",
    "skipped": "#8b949e",
    "observed": "#b392f0",
    "under-way": "#58a6ff",
    "held": "#f0883e",
    "unfinished": "#d29922",
    "queued": "#bc8cff",
    "blocker": "#d29922",
    "look": "#a9b4c0",
    "beat": "#f778ba",
    "message": "#bc8cff",
    "signal": "#39c5cf",
    "takeover": "#f0883e",
    "deadline": "#ff7b72",
}
DECORATION = frozenset({"line"})
"""Colours of what says nothing that is not said beside it."""

GROUNDS = ("page", "panel")
TEXTS = ("text", "muted", "link")
"""Colours of text; every other one is of a shape, for which less contrast is enough (WCAG 1.4.3 and 1.4.11)."""

_RULES = """
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
main,header,footer{max-width:68rem;margin-left:auto;margin-right:auto;padding:0 1.25rem}
header{padding-top:1.75rem}
footer{margin-top:2rem;padding-bottom:2rem;color:var(--muted);font-size:.875rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .35rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2rem 0 .75rem}
p{margin:.35rem 0;overflow-wrap:anywhere}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:2px}
.skip{position:absolute;left:-999rem;top:0;background:var(--page);padding:.5rem 1rem}
.skip:focus{left:1rem;top:.5rem}
.lead{font-size:1.05rem}
.muted{color:var(--muted)}
.state{display:inline-flex;align-items:center;gap:.45em;font-weight:600}
.state::before{content:"";width:.7em;height:.7em;border-radius:50%;background:currentColor;flex:none}
.state>span{color:var(--text)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:.75rem 1.5rem;margin:0;
padding:1rem 1.25rem;background:var(--panel);border-radius:8px}
.facts div{min-width:0}
dt{color:var(--muted);font-size:.8125rem}
dd{margin:0;overflow-wrap:anywhere}
figure{margin:0}
.scroll{overflow-x:auto;background:var(--panel);border-radius:8px;padding:.75rem .5rem}
svg{display:block;width:100%;min-width:56rem;height:auto;font-family:inherit}
svg text{font-size:12.5px;fill:var(--text)}
svg .muted{fill:var(--muted);font-size:11.5px}
svg .name{font-weight:600}
svg .grid{stroke:var(--line);stroke-width:1}
svg .bar{stroke:none}
svg .mark{stroke-width:2}
svg .limit{stroke-width:2;stroke-dasharray:6 4}
svg a:hover .bar{opacity:.8}
figcaption{color:var(--muted);font-size:.875rem;margin-top:.5rem}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;list-style:none;margin:.5rem 0 0;padding:0;font-size:.875rem}
.legend li::before{content:"";display:inline-block;width:.75em;height:.75em;margin-right:.4em;background:currentColor}
.legend li>span{color:var(--text)}
table{width:100%;border-collapse:collapse;font-size:.9375rem}
caption{text-align:left;color:var(--muted);font-size:.875rem;padding-bottom:.35rem}
th,td{text-align:left;vertical-align:top;padding:.45rem .75rem .45rem 0;border-bottom:1px solid var(--line)}
thead th{color:var(--muted);font-size:.8125rem;font-weight:600}
td{overflow-wrap:anywhere}
tbody th{min-width:9.5rem;font-weight:600;overflow-wrap:anywhere}
td{min-width:3rem}
td.short{white-space:nowrap}
td.long{min-width:13rem}
td.when{white-space:nowrap;font-variant-numeric:tabular-nums}
td.when .muted{display:block;font-size:.8125rem}
tr:target{background:var(--panel)}
.links{list-style:none;padding:0;margin:0;display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));
gap:.35rem 1.5rem}
.links li{overflow-wrap:anywhere}
@media (max-width:40rem){
body{font-size:15px}
thead{position:absolute;left:-999rem}
tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}
td,th[scope=row]{display:block;border:0;padding:.05rem 0}
td.when .muted{display:inline;margin-left:.6em}
td[data-label]::before{content:attr(data-label) " ";color:var(--muted);font-size:.8125rem}
td.empty{display:none}
td.short{white-space:normal}
}
@media print{
@page{margin:12mm}
body{font-size:10.5pt}
main,header,footer{max-width:none;padding:0}
.skip{display:none}
.scroll{overflow:visible;padding:0;background:none}
.facts{background:none;border:1px solid var(--line)}
svg{min-width:0}
tr,figure,.facts{break-inside:avoid}
h2{break-after:avoid}
thead{display:table-header-group}
.links a::after{content:" " attr(href);color:var(--muted);font-size:.8em;word-break:break-all}
.links{display:block}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
"""


def style_sheet() -> str:
    """Return the style sheet: light, dark where the reader's system is, and light on paper."""
    return (
        f":root{{{_variables(LIGHT)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}\n"
        f"{_colour_classes()}{_RULES}"
    )


def style_digest(sheet: str) -> str:
    """Return what a Content-Security-Policy allows a style sheet by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()}"


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


def _colour_classes() -> str:
    shapes = [name for name in LIGHT if name not in {*GROUNDS, *TEXTS, *DECORATION, "focus"}]
    return "".join(
        f".c-{name}{{color:var(--{name})}}svg .c-{name}{{fill:var(--{name});stroke:var(--{name})}}\n" for name in shapes
    )
