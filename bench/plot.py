"""Draws figures as small SVG pictures with matplotlib; without it no picture is drawn."""

import re
from pathlib import Path
from typing import Any

from bench.report import Figure, Report
from bench.table import Table, amount, names

GREY, OURS, PEER = "#808080", "#1f6f8b", "#b9b4a7"
WIDTH = 7.2
STYLE = {
    "svg.hashsalt": "house",  # the same figures make the same file
    "svg.fonttype": "none",
    "font.size": 9,
    # Grey is readable on light and on dark pages.
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), GREY),
}


def draw(report: Report, section: str, table: Table, path: Path) -> bool:
    """Draw a table; return False if it has no figures, or without matplotlib."""
    figures = report.table_figures(section, table.title)
    try:
        import matplotlib as mpl  # noqa: PLC0415  needed for plots only
    except ModuleNotFoundError:
        return False
    if not figures:
        return False
    mpl.use("svg")
    mpl.rcParams.update(STYLE)
    from matplotlib import pyplot as plt  # noqa: PLC0415

    picture, axes = plt.subplots(figsize=(WIDTH, height(figures, table)), layout="constrained")
    (bars if table.plot == "bars" else lines)(axes, figures)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    picture.savefig(path, format="svg", metadata={"Date": None}, transparent=True)
    plt.close(picture)
    path.write_text(re.sub(r"[ \t]+\n", "\n", path.read_text()))
    return True


def height(figures: list[Figure], table: Table) -> float:
    """Return the height of a picture in inches."""
    return 0.6 + 0.3 * len(names(figures)[0]) if table.plot == "bars" else 3.2


def bars(axes: Any, figures: list[Figure]) -> None:
    """Draw a bar for the first column of each row, with its spread and its value."""
    rows, columns = names(figures)
    first = [figure for figure in figures if figure.column == columns[0]]
    for index, figure in enumerate(first):
        low, high = figure.spread
        axes.barh(index, figure.median, color=PEER if figure.is_control else OURS, height=0.7)
        axes.plot([low, high], [index, index], color=GREY, linewidth=1)
        axes.annotate(f"  {amount(figure.median)}", (high, index), va="center", color=GREY)
    axes.set_yticks(range(len(first)), rows[: len(first)])
    axes.invert_yaxis()
    axes.set_xlabel(f"{columns[0]}, {first[0].unit}")


def lines(axes: Any, figures: list[Figure]) -> None:
    """Draw a line for each row over its columns, whose names begin with numbers."""
    rows, columns = names(figures)
    numbers = {column: float(found[0]) for column in columns if (found := re.match(r"[\d.]+", column))}
    for row in rows:
        points = [figure for figure in figures if figure.row == row and figure.column in numbers]
        if not points:
            continue
        across = [numbers[figure.column] for figure in points]
        medians = [figure.median for figure in points]
        drawn = axes.plot(across, medians, marker="o", markersize=4, label=row)[0]
        axes.fill_between(
            across,
            [f.spread[0] for f in points],
            [f.spread[1] for f in points],
            color=drawn.get_color(),
            alpha=0.2,
            linewidth=0,
        )
    label = next((re.sub(r"^[\d.]+\s*", "", column) for column in numbers), "")
    axes.set_xlabel(label)
    axes.set_ylabel(figures[0].unit)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
