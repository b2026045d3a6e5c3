"""In how many ways one user may watch the same thing (security.md, section 6).

Subscribers who want the same share one execution of each event; those who want it otherwise each cost one more. One
user with a thousand different documents had cost the hub a thousand executions of every event, and everybody else had
waited for them. So the ways of one user are bounded, whatever number of sockets they are spread over.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from ofh.domain.errors import Code, HubError


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of watching one thing; who watches in the same way costs nothing more."""

    watched: Hashable
    """What is watched, such as a workspace's feed."""
    document: Hashable
    """The operation that shows it."""
    how: Hashable
    """Its variables, and what else makes it another execution: the area, the pace."""


def check_room(held: Iterable[Way], way: Way, *, documents: int, ways: int) -> None:
    """See whether a user may watch in one more way.

    Args:
        held: the ways in which the user watches already.
        documents: the most different documents about one thing.
        ways: the most different ways, with other variables.
    Raises:
        HubError: RATE_LIMITED.
    """
    same = set()
    for other in held:
        if other.watched == way.watched:
            if other == way:
                return
            same.add(other)
    if len(same) >= ways:
        raise HubError(Code.RATE_LIMITED, f"At most {ways} ways of watching the same at a time, on all your sockets.")
    known = {other.document for other in same}
    if way.document not in known and len(known) >= documents:
        raise HubError(
            Code.RATE_LIMITED, f"At most {documents} different documents about the same at a time, on all your sockets."
        )
