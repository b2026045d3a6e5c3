"""What is printed of each fault."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Figures:
    """Of one fault, or of all of a scene."""

    way: str
    fault: str
    acknowledged: int = 0
    stored: int | None = None
    """Of those, in the database; None where it is looked at for several faults together. So with what follows."""
    twice: int | None = None
    lost: int | None = None
    ready_s: float | None = None
    """From when the fault was over until every process said that it was ready."""
    silence_s: float | None = None
    """The longest time that a subscriber heard nothing."""
    named: Sequence[str] = field(default_factory=list)
    """What /readyz called away."""
    flights: int | None = None
    changes: int | None = None
    """That were answered with success, and so photos."""
    photos: int | None = None
    events: int | None = None
    """Of the feed."""
    gaps: int = 0
    """That followers of it were told of."""


HEADINGS = ("way", "fault", "acknowledged", "stored", "twice", "lost", "ready s", "silence s", "named by /readyz")


def table(rows: Sequence[Figures]) -> str:
    """The figures, a line each."""
    lines = [
        (
            row.way,
            row.fault,
            f"{row.acknowledged:,}",
            *("" if number is None else f"{number:,}" for number in (row.stored, row.twice, row.lost)),
            "" if row.ready_s is None else f"{row.ready_s:.1f}",
            "" if row.silence_s is None else f"{row.silence_s:.1f}",
            ", ".join(row.named) or _besides(row),
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *lines, strict=True)]
    shown = [
        "  ".join(
            cell.rjust(width) if 2 <= number <= 7 else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (HEADINGS, *lines)
    ]
    return "\n".join(shown)


def _besides(row: Figures) -> str:
    """What a scene as a whole has beside its reports."""
    if row.events is None:
        return ""
    return f"{row.flights} flights, {row.changes} changes, {row.photos} photos, {row.events:,} events, {row.gaps} gaps"
