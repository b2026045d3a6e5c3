"""What every mutation has in common."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import strawberry
from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension
from strawberry.utils.str_converters import to_camel_case

from ofh.domain.errors import HubError

F = TypeVar("F", bound=Callable[..., Any])


class Changing(FieldExtension):
    """Around each mutation: old reads are forgotten before it, and a refusal spells arguments as the API does.

    A document's mutations run one after the other, each with all that is selected of its answer; what one changed,
    the next must show.
    """

    async def resolve_async(self, next_: AsyncExtensionResolver, source: Any, info: Any, **kwargs: Any) -> Any:
        info.context.loaders.forget()
        try:
            return await next_(source, info, **kwargs)
        except HubError as error:
            error.fields = {to_camel_case(name): why for name, why in error.fields.items()}
            raise


def mutation(description: str) -> Callable[[F], F]:
    """A field that changes something."""
    return cast(Callable[[F], F], strawberry.mutation(description=description, extensions=[Changing()]))
