"""The budget as people see it on a terminal, to the letter: a figure in the wrong row is a wrong figure."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from ai.cli.budget_tables import dollars, render_budget, render_spending, sparkline
from ai.credit_tracker.records import Balance, Band, CapState
from ai.credit_tracker.spending import BurnRate, Line, Spending

USD = 1_000_000_000
PLENTY = Balance(
    period="2026-11", granted=5 * USD, donated=2 * USD, spent=USD, held=3 * USD, held_unknown=USD // 2,
    available=3 * USD, band=Band.CAUTIOUS, resets_at=datetime(2026, 12, 1, tzinfo=UTC), runway_days=12_345.678,
    free_left=1234, free_quota=2000, posts_left=3, overrun=-USD // 4,
)  # fmt: skip
PLAIN = replace(PLENTY, donated=0, held=0, held_unknown=0, overrun=0, runway_days=None, band=Band.COMFORTABLE)
CAPS = (CapState("posts", USD // 4, USD // 4, USD // 2, datetime(2026, 11, 30, tzinfo=UTC)),)
PURPOSES = (Line("thought", 1234, 9, 9, USD),)
LIVES = (Line("1", 5, 6, 7, USD, "ada"), Line("2", 5, 6, 7, USD), Line("", 1, 2, 3, USD // 2))
SPENT = Spending(
    first="2026-11-01", last="2026-11-04", cost=253 * USD // 100,
    by_day=(Line("2026-11-01", 1, 2, 3, USD), Line("2026-11-03", 4, 5, 6, 153 * USD // 100)),
    by_purpose=PURPOSES, by_model=(Line("lab/[b]a[/b]", 1001, 2002, 3003, USD // 100),), by_life=LIVES,
)  # fmt: skip
NOTHING = Spending("2026-11-01", "2026-11-02", 0, (), (), (), ())


def console(width=90):
    return Console(width=width, record=True, file=io.StringIO(), color_system="standard", force_terminal=True)


def lines(renderable):
    shown = console()
    shown.print(renderable)
    return [line.rstrip() for line in shown.export_text().splitlines()]


def styles(renderable):
    """Return the style of each word or phrase that is printed in one."""
    shown = console()
    found = {}
    for segment in shown.render(renderable):
        if segment.style and str(segment.style) != "none" and segment.text.strip():
            found[segment.text.strip()] = str(segment.style)
    return found


def test_the_whole_budget_is_on_one_screen():
    assert lines(render_budget(PLENTY, CAPS, SPENT, BurnRate(USD // 3, 8 * USD))) == [
        "month                       2026-11 (resets 2026-12-01 UTC)",
        "granted                                               $5.00",
        "donated                                               $2.00",
        "spent                                                 $1.00",
        "held                     $3.00 ($0.5000 of unknown outcome)",
        "                            $2.50 of it for calls under way",
        "overrun        -$0.2500, repaid by the next grant or top-up",
        "available                                             $3.00",
        "band                                               cautious",
        "free requests                     1,234 of 2,000 left today",
        "for posts            $0.2500 of $1.00 left until 2026-11-30",
        "pace: $0.3333 a day, lasts 12,345.7 days; at this pace $8.00 by the end of the month",
        "",
        "2026-11-01 ▆·█· 2026-11-04  $2.53 spent",
        "",
        "model                     calls  tokens in  tokens out     cost",
        "lab/[b]a[/b]              1,001      2,002       3,003  $0.0100",
        "",
        "purpose                   calls   cost",
        "thought                   1,234  $1.00",
        "",
        "life                      calls     cost",
        "#1 of ada                     5    $1.00",
        "#2                            5    $1.00",
        "–                             1  $0.5000",
        "",
        "day                       calls   cost",
        "2026-11-01                    1  $1.00",
        "2026-11-03                    4  $1.53",
        "",
    ]


def test_what_is_not_there_has_no_row():
    assert lines(render_budget(PLAIN, (), NOTHING, BurnRate(None, None))) == [
        "month          2026-11 (resets 2026-12-01 UTC)",
        "granted                                  $5.00",
        "spent                                    $1.00",
        "available                                $3.00",
        "band                               comfortable",
        "free requests        1,234 of 2,000 left today",
        "pace: known after a day",
        "",
        "2026-11-01 ·· 2026-11-02  $0.00 spent",
        "nothing was spent or thought in this time",
    ]
    kept = replace(PLAIN, held=USD, held_unknown=USD // 4, reserved=USD // 2)
    assert (
        "$1.00 ($0.2500 of unknown outcome, $0.5000 kept for last words)"
        in lines(render_budget(kept, (), NOTHING, BurnRate(None, None)))[3]
    )
    held = lines(render_budget(replace(PLAIN, held=USD), (), NOTHING, BurnRate(USD, 2 * USD)))
    assert held[3] == "held               $1.00 (for calls under way)"
    assert held[7] == "pace: $1.00 a day; at this pace $2.00 by the end of the month"
    for unknown in (BurnRate(None, USD), BurnRate(USD, None)):
        assert lines(render_budget(PLAIN, (), NOTHING, unknown))[6] == "pace: known after a day"


def test_what_matters_is_seen_at_a_glance():
    shown = styles(render_budget(PLENTY, CAPS, SPENT, BurnRate(USD // 3, 7 * USD + 1)))
    dim = "month granted donated spent held overrun available band".split()
    heads = [
        "free requests",
        "for posts",
        "model",
        "calls",
        "tokens in",
        "tokens out",
        "cost",
        "purpose",
        "life",
        "day",
    ]
    pace = "pace: $0.3333 a day, lasts 12,345.7 days; at this pace $7.00 by the end of the month"
    assert shown == dict.fromkeys([*dim, *heads, "2026-11-01", "2026-11-04"], "dim") | {
        "-$0.2500, repaid by the next grant or top-up": "red",
        "$3.00": "bold",
        "cautious": "yellow",
        "▆·█·": "cyan",
        pace: "yellow",
    }
    assert pace not in styles(render_budget(PLENTY, CAPS, SPENT, BurnRate(USD // 3, 7 * USD)))
    calm = styles(render_budget(PLAIN, (), NOTHING, BurnRate(None, None)))
    assert calm["pace: known after a day"] == calm["nothing was spent or thought in this time"] == "dim"


@pytest.mark.parametrize(
    ("band", "style"),
    [("comfortable", "green"), ("moderate", "green"), ("cautious", "yellow"), ("critical", "red"),
     ("bankrupt", "bold red")],
)  # fmt: skip
def test_a_bands_colour_says_how_bad_it_is(band, style):
    assert styles(render_budget(replace(PLAIN, band=Band(band)), (), NOTHING, BurnRate(None, None)))[band] == style


def test_many_models_are_twenty_lines_and_the_last_sums_up_the_rest_and_days_are_the_last_twenty():
    models = tuple(Line(f"lab/{n:02}", n, 10 * n, 100 * n, n * USD) for n in range(22, 0, -1))
    days = tuple(Line(f"2026-11-{n:02}", 1, 1, 1, USD) for n in range(1, 22))
    shown = lines(render_spending(replace(SPENT, by_model=models, by_day=days, last="2026-11-21")))
    begin = shown.index("model                     calls  tokens in  tokens out    cost") + 1
    assert [line.split()[0] for line in shown[begin : begin + 19]] == [f"lab/{n:02}" for n in range(22, 3, -1)]
    assert shown[begin + 19] == "… 3 more                      6         60         600   $6.00"
    assert [line.split()[0] for line in shown[-21:-1]] == [f"2026-11-{n:02}" for n in range(2, 22)]
    exact = lines(render_spending(replace(SPENT, by_model=models[:20])))
    assert "lab/03" in " ".join(exact)
    assert "more" not in " ".join(exact)


def test_a_long_name_is_folded_and_never_cut():
    name = "lab/" + "x" * 60
    shown = console(width=60)
    shown.print(render_spending(replace(SPENT, by_model=(Line(name, 1, 2, 3, USD),))))
    assert "".join(line.split("  ")[0] for line in shown.export_text().splitlines() if "xx" in line) == name


def test_an_amount_in_a_table_is_that_amount_and_no_other():
    """A nano-dollar was $0.000000, and what was short of a dollar a dollar."""
    assert [dollars(amount) for amount in (USD - 1, USD, 10_000_000, 9_999_999, 1, -1, 1_234_567 * USD)] == [
        "$0.999999999", "$1.00", "$0.0100", "$0.009999999", "$0.000000001", "-$0.000000001", "$1,234,567.00",
    ]  # fmt: skip


def test_a_sparklines_bars_grow_with_the_days_and_show_the_latest():
    assert sparkline([0, 1, 50, 99, 100]) == "·▂▅█" + "█"
    assert sparkline([8, 4, 2, 1, -1]) == "█▅▃▂·"
    assert sparkline([0, 0]) == "··"
    assert sparkline([]) == ""
    assert sparkline([5] + [1] * 62) == "█" * 62


def test_a_cap_that_never_resets_lasts_for_ever():
    told = lines(render_budget(PLAIN, (CapState("gifts", USD, 0, 0, None),), NOTHING, BurnRate(None, None)))
    assert any(line.split() == "for gifts $1.00 of $1.00 left until ever".split() for line in told), told


def test_what_is_kept_for_last_words_is_not_under_way():
    kept = replace(PLENTY, reserved=USD)
    told = lines(render_budget(kept, (), NOTHING, BurnRate(None, None)))
    assert any(line.strip() == "$1.50 of it for calls under way" for line in told), told
