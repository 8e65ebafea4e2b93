"""Text as LaTeX source in plain ASCII, which all engines read alike."""

from __future__ import annotations

import re
import unicodedata

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}",
}  # fmt: skip

TEXT = {
    "\u00a0": "~", "\u202f": r"\,", "\u200b": "", "–": r"\textendash{}", "—": r"\textemdash{}",
    "“": "``", "”": "''", "‘": "`", "’": "'", "…": r"\ldots{}", "°": r"\ensuremath{^\circ}",
}  # fmt: skip

MATH = {
    "×": r"\times", "·": r"\cdot", "−": "-", "±": r"\pm", "→": r"\to", "←": r"\leftarrow", "↔": r"\leftrightarrow",
    "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx", "‖": r"\Vert", "∞": r"\infty", "√": r"\surd", "∑": r"\sum",
    "÷": r"\div", "½": r"\frac12", "¼": r"\frac14", "¾": r"\frac34", "ᵀ": r"^{\mathsf{T}}", "⁺": "^{+}", "⁻": "^{-}",
    "↑": r"\uparrow", "↓": r"\downarrow", "∈": r"\in", "⊗": r"\otimes", "ℝ": r"\mathbf{R}", "∇": r"\nabla",
    "✓": r"\surd", "★": r"\star", "●": r"\bullet", "○": r"\circ", "◇": r"\diamond", "✕": r"\times", "›": ">",
    "₊": "_{+}", "₋": "_{-}", "ᵢ": "_{i}", "ⱼ": "_{j}", "ₖ": "_{k}", "∂": r"\partial", "∥": r"\Vert", "⊥": r"\perp",
}  # fmt: skip

GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|chi|psi|omega|"
    "Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega"
)
"""Names of the Greek letters that have a LaTeX command."""

UNKNOWN = "[?]"
"""What takes the place of a character that has no command here."""


def escaped(text: str) -> str:
    """Escape ``text`` so that LaTeX prints it as it is. Line breaks become spaces."""
    text = unicodedata.normalize("NFC", " ".join(text.split("\n")))
    return re.sub(r"(.\u0304|.)", lambda m: _one(m[1]), text).replace("--", "-{}-")


def _one(char: str) -> str:
    if len(char) == 2:
        return rf"\ensuremath{{\bar{{{_one(char[0])}}}}}"
    if char in SPECIAL or char in TEXT:
        return SPECIAL.get(char) or TEXT[char]
    if char in MATH:
        return rf"\ensuremath{{{MATH[char]}}}"
    return char if char.isascii() else _other(char)


def _other(char: str) -> str:
    """Greek, raised and lowered digits, and letters with a bar, from their names."""
    name = unicodedata.name(char, "")
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (LAMDA|\w+)", name)
    if greek:
        word = greek[2].lower().replace("lamda", "lambda")
        word = word if greek[1] == "SMALL" else word.capitalize()
        if GREEK.fullmatch(word):
            return rf"\ensuremath{{\{word}}}"
    kind, _, plain = unicodedata.decomposition(char).partition(" ")
    if kind in ("<super>", "<sub>") and " " not in plain:
        return rf"\ensuremath{{{'^' if kind == '<super>' else '_'}{{{chr(int(plain, 16))}}}}}"
    pair = unicodedata.normalize("NFD", char)
    if len(pair) == 2 and pair[1] == "\u0304":
        return rf"\ensuremath{{\bar{{{pair[0]}}}}}"
    simple = "".join(c for c in unicodedata.normalize("NFKD", char) if c.isascii())
    return escaped(simple) if simple else UNKNOWN
