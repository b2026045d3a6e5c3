"""The hub about itself."""

import strawberry


@strawberry.type(description="What this hub is.")
class ServerInfo:
    name: str = strawberry.field(description="What its operator calls it.")
    version: str = strawberry.field(description="Of the program.")
    api_version: str = strawberry.field(description="Of the REST contract that it fulfils.")
