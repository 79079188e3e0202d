"""Plots of bars: where the drawing puts what, and what it says to those who cannot see it."""

from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

from django.template.loader import render_to_string

from appointment.desk.plots import EMPTY, MOST_BARS, Bar, Kind, Plot

KINDS = (Kind("held", "#009E73"), Kind("lost", "lines"), Kind("free", EMPTY))
SVG = "{http://www.w3.org/2000/svg}"
LETTER = 6  # a letter of the plot is at least so wide


def page_of(plot: Plot) -> str:
    return render_to_string("desk/plot.html", {"plot": plot})


def drawing(plot: Plot) -> Any:
    """Return the SVG of the plot, parsed."""
    page = page_of(plot)
    return ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])


def bars_of(svg: Any) -> list[Any]:
    return list(svg.findall(f"{SVG}g"))


def rectangles(of: Any) -> list[dict[str, Any]]:
    """Return the attributes of the rectangles, numbers as numbers, and the end of each."""
    found = []
    for each in of.findall(f"{SVG}rect"):
        known = {name: int(each.get(name)) for name in ("x", "y", "width", "height")}
        found.append(known | {"fill": each.get("fill"), "end": known["x"] + known["width"]})
    return found


def texts(of: Any) -> dict[str, Any]:
    return {each.text: each for each in of.findall(f"{SVG}text")}


def test_the_parts_of_a_bar_adjoin_and_the_longest_bar_fills_the_width() -> None:
    plot = Plot(
        "p", "Places", KINDS, [Bar("A", (3, 0, 1)), Bar("B", (1, 1, 0)), Bar("C", (0,) * 3)]
    )
    long, short, none = map(rectangles, bars_of(drawing(plot)))
    assert [part["fill"] for part in long] == ["#009E73", "none"]
    assert abs(long[0]["width"] - 3 * long[1]["width"]) <= 2
    assert [part["fill"] for part in short] == ["#009E73", "url(#p-lines)"]
    for parts in (long, short):
        assert parts[0]["x"] == plot.left
        assert parts[0]["end"] == parts[1]["x"]
    assert long[1]["end"] == plot.width - 210  # the notes have the rest
    assert long[1]["end"] - plot.left == 2 * (short[1]["end"] - plot.left)
    assert none == []


def test_labels_numbers_and_notes_stand_beside_and_within_their_bar() -> None:
    plot = Plot("p", "Places", KINDS, [Bar("A", (60, 30, 1), "full"), Bar("B", (0, 1, 150), "x")])
    first, second = bars_of(drawing(plot))
    parts, written = rectangles(first), texts(first)
    assert list(written) == ["A", "60", "30", "full"]  # there is no room for the 1
    assert list(texts(second)) == ["B", "150", "x"]
    assert (written["A"].get("text-anchor"), int(written["A"].get("x"))) == ("end", plot.left - 8)
    assert int(written["full"].get("x")) == parts[-1]["end"] + 8
    for number, part in zip(("60", "30"), parts, strict=False):
        assert written[number].get("text-anchor") == "middle"
        assert abs(2 * int(written[number].get("x")) - part["x"] - part["end"]) <= 1
        assert part["width"] > LETTER * len(number)
    assert {written[number].get("class") for number in ("60", "30")} == {"plot-number"}
    assert texts(second)["150"].get("class") == "plot-text"  # on no color
    for text in written.values():
        assert parts[0]["y"] + 10 <= int(text.get("y")) < parts[0]["y"] + parts[0]["height"]


def test_a_number_is_written_where_it_fits_and_not_where_it_does_not() -> None:
    bars = [Bar("longest", (1000, 0, 0)), *(Bar(f"of {n}", (n, 0, 0)) for n in (40, 45, 60, 111))]
    shown = []
    for bar in bars_of(drawing(Plot("p", "Places", KINDS, bars))):
        (part,), (_, *numbers) = rectangles(bar), texts(bar)
        shown.append((part["width"], *filter(None, numbers)))
    # A letter has 7, and the number a margin of 3 on either side.
    assert shown == [(450, "1000"), (18,), (20, "45"), (27, "60"), (50, "111")]


def test_the_bars_stand_one_below_the_other_under_the_key_within_the_drawing() -> None:
    plot = Plot("p", "Places", KINDS, [Bar(f"{n}", (n, 0, 0)) for n in (1, 2, 3)])
    svg = drawing(plot)
    box = [int(number) for number in svg.get("viewBox").split()]
    assert box == [0, 0, int(svg.get("width")), int(svg.get("height"))] == [0, 0, 860, plot.height]
    key, bars = rectangles(svg), [rectangles(bar)[0] for bar in bars_of(svg)]
    for above, below in pairwise([key[0], *bars]):
        assert below["y"] >= above["y"] + above["height"] + 4
    assert len({below["y"] - above["y"] for above, below in pairwise(bars)}) == 1
    assert 0 < box[3] - bars[-1]["y"] - bars[-1]["height"] <= 20
    assert rectangles(drawing(Plot("p", "", KINDS, [])))[0]["y"] + 14 < box[3]


def test_the_key_names_each_kind_beside_its_fill_and_nothing_overlaps() -> None:
    kinds = (*KINDS, Kind("offered", "dots"))
    svg = drawing(Plot("p", "Places", kinds, [Bar("A", (1, 1, 1, 1))]))
    squares, words = rectangles(svg), texts(svg)
    assert list(words) == ["held", "lost", "free", "offered"]
    fills = ["#009E73", "url(#p-lines)", "none", "url(#p-dots)"]
    assert [square["fill"] for square in squares] == fills
    assert [square["fill"] for square in squares] == [
        part["fill"] for part in rectangles(bars_of(svg)[0])
    ]
    assert {each.get("id") for each in svg.iter(f"{SVG}pattern")} == {"p-lines", "p-dots"}
    ends = []
    for square, (word, text) in zip(squares, words.items(), strict=True):
        assert square["width"] == square["height"]
        assert square["end"] < int(text.get("x")) <= square["end"] + 10
        ends.append(int(text.get("x")) + LETTER * len(word))
    for end, square in zip(ends, squares[1:], strict=False):
        assert end < square["x"] < end + 20


def test_the_drawing_says_all_to_those_who_cannot_see_it() -> None:
    bars = [Bar("Dr. Abad", (3, 0, 1.5), "75% held"), Bar("Dr. Zamora", (0, 0, 0), "no places")]
    plot = Plot("p", "Places of doctors", KINDS, bars)
    svg = drawing(plot)
    named = {each.get("id"): each.text for each in svg if each.get("id")}
    assert svg.get("role") == "img"
    assert [named[key] for key in svg.get("aria-labelledby").split()] == [
        "Places of doctors",
        "2 bars of: held, lost, free. The table below has all numbers.",
    ]
    assert 'role="region" aria-label="Plot: Places of doctors"' in page_of(plot)
    assert [bar.find(f"{SVG}title").text for bar in bars_of(svg)] == [
        "Dr. Abad: 3 held, 1.5 free, 75% held",
        "Dr. Zamora: no places",
    ]


def test_bars_of_one_kind_have_their_number_in_the_note_alone() -> None:
    plot = Plot("p", "Days", KINDS[:1], [Bar("A", (2.5,), "2.5 days")])
    bar = bars_of(drawing(plot))[0]
    assert list(texts(bar)) == ["A", "2.5 days"]
    assert bar.find(f"{SVG}title").text == "A: 2.5 days"
    two = bars_of(drawing(Plot("p", "Days", KINDS[:2], [Bar("A", (2.5, 0))])))[0]
    assert list(texts(two))[:2] == ["A", "2.5"]


def test_a_plot_draws_the_largest_bars_in_their_order_and_says_how_many_it_leaves_out() -> None:
    bars = [Bar(f"{n}", (n % 50 + 1,)) for n in range(50)]
    plot = Plot("p", "Days", KINDS[:1], bars)
    assert [bar.label for bar in plot.bars] == [f"{n}" for n in range(10, 50)]
    told = "The plot shows the 40 largest; the table has the other 10 too."
    assert told in " ".join(page_of(plot).split())
    assert len(plot.bars) == MOST_BARS
    even = Plot("p", "Days", KINDS[:1], [Bar(f"{n}", (1,)) for n in range(41)])
    assert [bar.label for bar in even.bars] == [f"{n}" for n in range(40)]
    full = Plot("p", "Days", KINDS[:1], bars[:40])
    assert full.left_out == 0
    assert "The plot shows" not in page_of(full)


def test_a_name_is_escaped_in_the_drawing_and_cut_to_its_column() -> None:
    plot = Plot("p", "Days", KINDS[:1], [Bar("<script>" * 5, (2,), "2 days")])
    drawn = page_of(plot)
    assert "<script" not in drawn
    assert f"{'&lt;script&gt;' * 5}: 2 days" in drawn
    assert "style=" not in drawn
    for letters, shown in ((27, "x" * 27), (28, f"{'x' * 26}\u2026")):
        svg = drawing(Plot("p", "Days", KINDS[:1], [Bar("x" * letters, (2,))]))
        assert next(iter(texts(bars_of(svg)[0]))) == shown


def test_a_plot_of_nothing_is_drawn() -> None:
    svg = drawing(Plot("p", "Days", KINDS, []))
    assert bars_of(svg) == []
    empty = Plot("p", "Days", KINDS, [Bar("A", (0, 0, 0), "no places")])
    (bar,) = bars_of(drawing(empty))
    assert int(texts(bar)["no places"].get("x")) == empty.left + 8
