"""Strawberry's decorators for fields with a resolver, with the types that it leaves out; none without a description."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import strawberry

F = TypeVar("F", bound=Callable[..., Any])


def field(description: str) -> Callable[[F], F]:
    """A field that a method answers."""
    return cast(Callable[[F], F], strawberry.field(description=description))


def subscription(description: str) -> Callable[[F], F]:
    """A field to watch."""
    return cast(Callable[[F], F], strawberry.subscription(description=description))
