"""The budget for people: tables and a sparkline for a terminal, from the same figures as the JSON."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ai.credit_tracker.records import Balance, Band, CapState
from ai.credit_tracker.spending import BurnRate, Line, Spending, daily_costs
from ai.ledger.money import about, dollars

BARS = "▁▂▃▄▅▆▇█"
MAX_SPARKS = 62  # two months of days fit on a line; longer spans are drawn in their last days
MAX_LINES = 20  # models shown in a table; the rest is one line, and --csv has all
BAND_STYLES = {
    Band.COMFORTABLE: "green",
    Band.MODERATE: "green",
    Band.CAUTIOUS: "yellow",
    Band.CRITICAL: "red",
    Band.BANKRUPT: "bold red",
}


def sparkline(costs: Sequence[int]) -> str:
    """Return one bar a day, the dearest day the highest; a day on which anything was spent is never flat."""
    shown = list(costs)[-MAX_SPARKS:]
    most, top = max(shown, default=0), len(BARS) - 1
    return "".join("·" if cost <= 0 else BARS[-(-cost * top // most)] for cost in shown)


def render_budget(balance: Balance, caps: Sequence[CapState], spending: Spending, pace: BurnRate) -> RenderableType:
    """Return the whole of `budget` for the current month: what there is, where it went, how long it lasts."""
    return Group(_standing(balance, caps), _pace(balance, pace), "", render_spending(spending))


def render_spending(spending: Spending) -> RenderableType:
    """Return where the money went on the days of `spending`: a sparkline and a table for each part."""
    days = Text.assemble(
        (f"{spending.first} ", "dim"), (sparkline(daily_costs(spending)), "cyan"), (f" {spending.last}", "dim"),
        f"  {dollars(spending.cost)} spent",
    )  # fmt: skip
    if not spending.by_day:
        return Group(days, Text("nothing was spent or thought in this time", style="dim"))
    return Group(
        days,
        "",
        _table("model", spending.by_model, tokens=True),
        _table("purpose", spending.by_purpose),
        _table("life", spending.by_life),
        _table("day", spending.by_day[-MAX_LINES:]),
    )


def _standing(balance: Balance, caps: Sequence[CapState]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row("month", f"{balance.period} (resets {balance.resets_at:%Y-%m-%d} UTC)")
    table.add_row("granted", dollars(balance.granted))
    if balance.donated:
        table.add_row("donated", dollars(balance.donated))
    table.add_row("spent", dollars(balance.spent))
    if balance.held:
        parts = ((balance.held_unknown, "of unknown outcome"), (balance.reserved, "kept for last words"))
        told = ", ".join(f"{dollars(amount)} {what}" for amount, what in parts if amount)
        table.add_row("held", f"{dollars(balance.held)} ({told or 'for calls under way'})")
        under_way = balance.held - balance.held_unknown - balance.reserved
        if told and under_way:
            table.add_row("", f"{dollars(under_way)} of it for calls under way")
    if balance.overrun:
        table.add_row("overrun", Text(f"{dollars(balance.overrun)}, repaid by the next grant or top-up", "red"))
    table.add_row("available", Text(dollars(balance.available), style="bold"))
    table.add_row("band", Text(balance.band.value, style=BAND_STYLES[balance.band]))
    table.add_row("free requests", f"{balance.free_left:,} of {balance.free_quota:,} left today")
    for cap in caps:
        until = "ever" if cap.resets_at is None else f"{cap.resets_at:%Y-%m-%d}"
        table.add_row(f"for {cap.name}", f"{dollars(cap.available)} of {dollars(cap.filled)} left until {until}")
    return table


def _pace(balance: Balance, pace: BurnRate) -> Text:
    if pace.burn_per_day is None or pace.projected is None:
        return Text("pace: known after a day", style="dim")
    line = f"pace: {about(pace.burn_per_day)} a day"
    if balance.runway_days is not None:
        line += f", lasts {balance.runway_days:,.1f} days"
    line += f"; at this pace {about(pace.projected)} by the end of the month"
    given = balance.granted + balance.donated
    return Text(line, style="yellow" if pace.projected > given else "")


def _table(name: str, lines: Sequence[Line], *, tokens: bool = False) -> Table:
    """Cells are Text, so that a name from outside is shown as it is and never read as markup."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(name, overflow="fold", min_width=24)
    heads = ("calls", "tokens in", "tokens out", "cost") if tokens else ("calls", "cost")
    for head in heads:
        table.add_column(head, justify="right")
    shown = lines if len(lines) <= MAX_LINES else (*lines[: MAX_LINES - 1], _rest(lines[MAX_LINES - 1 :]))
    for line in shown:
        label = line.key or "–"
        if name == "life" and line.key:
            label = f"#{line.key}" + (f" of {line.mind}" if line.mind else "")
        counts = [f"{line.calls:,}"]
        if tokens:
            counts += [f"{line.prompt_tokens:,}", f"{line.completion_tokens:,}"]
        table.add_row(Text(label), *counts, dollars(line.cost))
    table.add_row()
    return table


def _rest(lines: Sequence[Line]) -> Line:
    return Line(
        f"… {len(lines)} more",
        sum(line.calls for line in lines),
        sum(line.prompt_tokens for line in lines),
        sum(line.completion_tokens for line in lines),
        sum(line.cost for line in lines),
    )
