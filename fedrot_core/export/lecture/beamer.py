"""The slides as LaTeX source for beamer, which includes the figures' PDF files.

The source is plain ASCII, which pdflatex, xelatex and lualatex read alike. It needs no package beyond beamer.
"""

from __future__ import annotations

from fedrot_core.export.lecture.slides import BAND, Slide, Talk
from fedrot_core.export.lecture.tex import escaped
from fedrot_core.figures.kit.theme import HUES, INK, SURFACE

HEAD = r"""% Compile beside the folder figures/, with pdflatex slides.tex, xelatex or lualatex likewise.
% Needs beamer only (TeX Live: texlive-latex-recommended). For the speaker's notes, use the line that ends in "notes".
\documentclass[aspectratio=169,11pt]{beamer}
\usetheme{default}
\usepackage{iftex}
\ifpdftex\usepackage[T1]{fontenc}\usepackage[utf8]{inputenc}\usepackage{lmodern}\fi
\usepackage{graphicx}
\setbeamertemplate{navigation symbols}{}
\setbeamertemplate{footline}[frame number]
\definecolor{paper}{HTML}{PAPER}
\definecolor{ink}{HTML}{INK}
\definecolor{accent}{HTML}{ACCENT}
\setbeamercolor{background canvas}{bg=paper}
\setbeamercolor{normal text}{fg=ink}
\setbeamercolor{frametitle}{fg=ink}
\setbeamercolor{title}{fg=ink}
\setbeamercolor{structure}{fg=accent}
\setbeamercolor{footline}{fg=ink}
\setbeamerfont{frametitle}{series=\bfseries,size=\large}
\setbeamersize{text margin left=7mm,text margin right=7mm}
% \setbeameroption{show notes}  % notes
\begin{document}
"""


def source(talk: Talk) -> str:
    """The LaTeX source of the whole document."""
    colours = {"PAPER": SURFACE[talk.mode], "INK": INK[talk.mode], "ACCENT": HUES[talk.mode]["blue"]}
    head = HEAD
    for name, colour in colours.items():
        head = head.replace(f"{{{name}}}", f"{{{colour[1:]}}}")
    return head + "\n".join(_frame(slide, talk) for slide in talk.outline.slides) + "\n\\end{document}\n"


def _frame(slide: Slide, talk: Talk) -> str:
    if slide.opening:
        body = _opening(slide)
    elif slide.table:
        body = _titled(slide.title) + _table(slide)
    else:
        body = _shown(slide, talk)
    notes = talk.notes(slide)
    said = "\n\n".join(escaped(part) for part in notes.split("\n\n"))
    note = f"\\note{{\\footnotesize {said}}}\n" if notes else ""
    return f"\n\\begin{{frame}}\n{body}{note}\\end{{frame}}"


def _titled(title: str) -> str:
    return f"\\frametitle{{{escaped(title)}}}\n"


def _opening(slide: Slide) -> str:
    first, *rest = slide.text or ("",)
    small = "\n\n\\medskip\n".join(escaped(text) for text in rest)
    return (
        f"\\relax{{\\usebeamercolor[fg]{{structure}}\\rule{{18mm}}{{1.2mm}}}}\\par\\bigskip\n"
        f"{{\\huge\\bfseries\\raggedright {escaped(slide.title)}\\par}}\\bigskip\n"
        f"{{\\Large\\raggedright {escaped(first)}\\par}}\\bigskip\n{{\\small\\raggedright {small}\\par}}\n"
    )


def _shown(slide: Slide, talk: Talk) -> str:
    figure = talk.figure(slide)
    paragraphs = talk.text(slide, "pdf")
    text = "\n\n\\medskip\n".join(escaped(paragraph) for paragraph in paragraphs)
    type_size = "\\small" if sum(map(len, paragraphs)) > 330 else "\\normalsize"
    text = f"{{{type_size}\\raggedright {text}\\par}}\n"
    if figure is None or slide.picture is None or "pdf" not in figure.files:
        return _titled(slide.title) + text
    file = f"{{figures/{slide.picture.name}.pdf}}"
    if slide.picture.size is BAND:
        size = "width=\\textwidth,height=0.86\\textheight,keepaspectratio"
        return f"{_titled(slide.title)}\\centering\\includegraphics[{size}]{file}\\par\n"
    return (
        "\\begin{columns}[c,onlytextwidth]\n\\begin{column}{0.46\\textwidth}\n"
        f"{{\\large\\bfseries\\raggedright {escaped(slide.title)}\\par}}\\medskip\n{text}\\end{{column}}\n"
        "\\begin{column}{0.52\\textwidth}\n"
        f"\\centering\\includegraphics[width=\\textwidth,height=0.92\\textheight,keepaspectratio]{file}\\par\n"
        "\\end{column}\n\\end{columns}\n"
    )


def _table(slide: Slide) -> str:
    head, *rows = slide.table
    lines = [" & ".join(f"\\textbf{{{escaped(cell)}}}" for cell in head) + r" \\ \hline"]
    lines += [" & ".join(map(escaped, row)) + r" \\" for row in rows]
    columns = "l" + "r" * (len(head) - 1)
    body = "\n".join(lines)
    under = "".join(f"\n\\medskip\n{{\\small\\raggedright {escaped(text)}\\par}}\n" for text in slide.text)
    size = "\\footnotesize" if len(head) > 4 else "\\small"
    open_table = f"{{{size}\\setlength{{\\tabcolsep}}{{4pt}}\\begin{{tabular}}{{{columns}}}"
    return f"{open_table}\n{body}\n\\end{{tabular}}\\par}}\n{under}"
