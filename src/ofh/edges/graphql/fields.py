"""Strawberry's decorators for fields with a resolver, with the types that it leaves out; none without a description."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import strawberry

F = TypeVar("F", bound=Callable[..., Any])


def field(description: str, *, name: str | None = None) -> Callable[[F], F]:
    """A field that a method answers; under a name of its own where Python does not allow that."""
    return cast(Callable[[F], F], strawberry.field(description=description, name=name))


def subscription(description: str) -> Callable[[F], F]:
    """A field to watch."""
    return cast(Callable[[F], F], strawberry.subscription(description=description))
