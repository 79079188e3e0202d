from django.template.loader import render_to_string

from appointment.desk.plots import EMPTY, MOST_BARS, Bar, Kind, Plot

KINDS = (Kind("held", "#009E73"), Kind("lost", "lines"), Kind("free", EMPTY))


def test_the_parts_of_a_bar_adjoin_and_the_longest_bar_fills_the_width() -> None:
    plot = Plot(
        "p", "Places", KINDS, [Bar("A", (3, 0, 1)), Bar("B", (1, 1, 0)), Bar("C", (0,) * 3)]
    )
    long, short, none = plot.rows()
    assert [(part.word, part.number) for part in long.parts] == [("held", "3"), ("free", "1")]
    assert long.parts[0].x + long.parts[0].width == long.parts[1].x
    assert long.end - plot.left == 2 * (short.end - none.end)
    assert none.end == plot.left
    assert short.parts[1].fill == "url(#p-lines)"


def test_a_plot_draws_the_largest_bars_in_their_order_and_says_how_many_it_leaves_out() -> None:
    bars = [Bar(f"{n}", (n % 50 + 1,)) for n in range(50)]
    plot = Plot("p", "Days", KINDS[:1], bars)
    assert [bar.label for bar in plot.bars] == [f"{n}" for n in range(10, 50)]
    assert "the other 10 too" in " ".join(
        render_to_string("desk/plot.html", {"plot": plot}).split()
    )
    assert len(plot.bars) == MOST_BARS


def test_a_name_is_escaped_in_the_drawing_and_cut_to_its_column() -> None:
    plot = Plot("p", "Days", KINDS[:1], [Bar("<script>" * 5, (2,), "2 days")])
    drawn = render_to_string("desk/plot.html", {"plot": plot})
    assert "<script" not in drawn
    assert f"{'&lt;script&gt;' * 5}: 2 days" in drawn
    assert "\u2026</text>" in drawn
    assert "style=" not in drawn


def test_a_plot_of_nothing_is_drawn() -> None:
    assert "<svg" in render_to_string("desk/plot.html", {"plot": Plot("p", "Days", KINDS, [])})
