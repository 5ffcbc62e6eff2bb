"""Tables for LaTeX."""

from jaxgen.report.items import Table
from jaxgen.study.table import MINUS

SPELLED: dict[str, str | int | None] = {
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"µ": r"$\mu$", MINUS: "$-$", "–": "--"},
    **{each: f"\\{each}" for each in "&%$#_{}"},
}


def as_latex(table: Table) -> str:
    """The table for LaTeX, with the rules of the package booktabs: strong cells bold, notes in small type."""

    def line(cells):
        return " & ".join(cells) + r" \\"

    def shown(cell):
        text = escaped(cell.text)
        note = rf" {{\footnotesize ({escaped(cell.note)})}}" if cell.note else ""
        return (rf"\textbf{{{text}}}" if cell.strong else text) + note

    head = [r"\begin{table}", r"\centering", rf"\caption{{{escaped(table.caption)}}}"]
    head += [rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}", r"\toprule"]
    rows = [line(map(shown, row)) for row in table.rows]
    foot = [r"\bottomrule", r"\end{tabular}", r"\end{table}", ""]
    return "\n".join([*head, line(map(escaped, table.columns)), r"\midrule", *rows, *foot])


def escaped(text: str) -> str:
    """The text as LaTeX shows it."""
    return text.translate(str.maketrans(SPELLED))
