"""Worksheets of questions, and their answers as a separate file, as HTML for printing or as Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from fedrot_core.learn.lessons.glossary import unmarked
from fedrot_core.learn.quiz import Number, Question, nth
from fedrot_core.wording import suffix

MOST = 40
"""Most questions on one worksheet."""

STYLE = """
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1B1F27; background: #fff;
  font: 16px/1.5 Inter, Helvetica, Arial, "Liberation Sans", sans-serif; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } .who { display: flex; gap: 2rem; margin: 1rem 0 1.5rem; }
.who span { flex: 1; border-bottom: 1px solid; } li.q { break-inside: avoid; margin-bottom: 1.4rem; }
ol.options { list-style: upper-alpha; } .line { border-bottom: 1px solid; display: inline-block; min-width: 8rem; }
math { font-size: 1.05em; margin-right: 1.6rem; } .working { height: 3.5rem; }
footer { color: #626B7A; font-size: .85rem; }
@media print { @page { size: A4; margin: 18mm; } body { margin: 0; max-width: none; font-size: 11pt; } }
"""

MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#$~|])")
MATRIX = re.compile(r"(.*?)\s*=\s*\\begin\{([pb])matrix\}(.*)\\end\{\2matrix\}\s*", re.DOTALL)
BLANK = 10 * "\\_"

SYMBOL = re.compile(r"([^\W_]+)(?:_(?:\{\\mathrm\{(\w+)\}\}|\{?(\w+)\}?))?")


def questions(seed: int, count: int, topic: str) -> list[Question]:
    """The first ``count`` questions on ``topic`` that the quiz makes from ``seed``."""
    return [nth(seed, n, topic) for n in range(count)]


def as_markdown(title: str, source: str, asked: Sequence[Question], answers: bool) -> str:
    """The questions as Markdown, or their answers if ``answers`` is true."""
    parts = [f"# {_md(title)}" + (": answers" if answers else ""), _md(source)]
    for n, q in enumerate(asked, 1):
        lines = [f"**{n}.** {_md(unmarked(q.text))}"]
        if not answers:
            lines += [" ".join(f"${matrix}$" for matrix in q.given)] if q.given else []
            if isinstance(q.answer, Number):
                lines += [f"Answer: {BLANK} {_md(q.answer.unit)}".rstrip()]
            else:
                lines += ["\n".join(f"- ({chr(65 + k)}) {_md(option)}" for k, option in enumerate(q.answer.options))]
        else:
            lines += [f"**{_md(answer(q))}**", _md(unmarked(q.explain))]
        parts.append("\n\n".join(lines))
    return "\n\n".join(parts) + "\n"


def as_html(title: str, source: str, asked: Sequence[Question], answers: bool) -> str:
    """The same as :func:`as_markdown`, as an HTML page for printing."""
    who = "" if answers else '<p class="who"><span>Name</span><span>Date</span></p>'
    head = html.escape(f"{title}: answers" if answers else title)
    body = "\n".join(_item(q, answers) for q in asked)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{head}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{head}</h1>
{who}
<ol>
{body}
</ol>
<footer>{html.escape(source)}</footer>
</body>
</html>
"""


def answer(q: Question) -> str:
    """The right answer in words."""
    if isinstance(q.answer, Number):
        off = f" (within ±{q.answer.tolerance:.2g}{suffix(q.answer.unit)})" if q.answer.tolerance else ""
        return f"{q.answer.shown}{off}"
    return f"({chr(65 + q.answer.right)}) {q.answer.shown}"


def _item(q: Question, answers: bool) -> str:
    text = f"<p>{html.escape(unmarked(q.text))}</p>"
    text += f"<p>{''.join(map(mathml, q.given))}</p>" if q.given else ""
    if answers:
        text += f"<p><strong>{html.escape(answer(q))}</strong></p><p>{html.escape(unmarked(q.explain))}</p>"
    elif isinstance(q.answer, Number):
        text += f'<div class="working"></div><p>Answer: <span class="line"></span> {html.escape(q.answer.unit)}</p>'
    else:
        text += f'<ol class="options">{"".join(f"<li>{html.escape(o)}</li>" for o in q.answer.options)}</ol>'
    return f'<li class="q">{text}</li>'


def mathml(latex: str) -> str:
    r"""``S = \begin{pmatrix} 3 & -1 \\ 1 & 1 \end{pmatrix}`` as MathML. Anything else is shown as its source."""
    match = MATRIX.fullmatch(latex)
    symbol = match and SYMBOL.fullmatch(match[1])
    if not match or not symbol:
        return f"<code>{html.escape(latex)}</code>"
    name, (left, right) = f"<mi>{symbol[1]}</mi>", "()" if match[2] == "p" else "[]"
    if symbol[2] or symbol[3]:
        kind = '<mi mathvariant="normal">' if symbol[2] else "<mn>" if symbol[3].isdecimal() else "<mi>"
        name = f"<msub>{name}{kind}{symbol[2] or symbol[3]}</{kind[1:3]}></msub>"
    rows = "".join(
        f"<mtr>{''.join(f'<mtd>{_number(cell)}</mtd>' for cell in row.split('&'))}</mtr>"
        for row in match[3].split(r"\\")
    )
    return f"<math>{name}<mo>=</mo><mrow><mo>{left}</mo><mtable>{rows}</mtable><mo>{right}</mo></mrow></math>"


def _number(cell: str) -> str:
    text = cell.strip()
    return f"<mo>−</mo><mn>{html.escape(text[1:])}</mn>" if text[:1] == "-" else f"<mn>{html.escape(text)}</mn>"


def _md(text: str) -> str:
    return MARKDOWN.sub(r"\\\1", text)
