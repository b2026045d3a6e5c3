"""What a document may ask for (security.md, section 5), measured before anything of it runs.

One walk visits each fragment once and keeps what it weighs, so that a chain of fragments that spread each other twice
costs us its length, not two to the power of it. Nothing here recurses deeper than the nesting that it allows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)
from graphql.language import StringValueNode, Visitor, visit

from ofh.domain.errors import Code, HubError, bad_input
from ofh.edges.errors import to_graphql_error

PAGE_ARGUMENT = "first"
"""A field with this argument is a paged list."""

POINTS_ARGUMENT = "maxPoints"
POINTS_OF_A_TIME = 50
"""A track counts as a list, or as more where more than 500 points are asked for."""

INTROSPECTION = frozenset({"__schema", "__type"})
ONE_VISIT = 5
ONE_PAIR = 1
ONE_DEEP_PAIR = 10
ONE_FRAGMENT_PAIR = 200
ONE_CHARACTER = 4
"""What looking at a selection, comparing two fields, two with fields below, and two fragments in one place count as,
and each character of the fields' arguments, which are written out for it."""
NESTING = 64
"""Selection sets within each other in one definition, inline fragments counted; far beyond any allowed depth."""
CEILING = 10**9
"""Where counting stops: nothing overflows, whatever the document."""


LONG: Mapping[str, int] = {
    "GroundCoverage.all": 200,
    "GroundCoverage.outer": 200,
    "GroundCoverage.holes": 200,
}
"""What lists count as that are known to be longer than others that are not paged."""
GROWING = frozenset(
    {
        "Workspace.drones",
        "Workspace.remoteControllers",
        "Workspace.connections",
        "Workspace.members",
        "Workspace.mapElements",
        "Workspace.alertRules",
        "Snapshot.drones",
        "Snapshot.remoteControllers",
        "Snapshot.alerts",
    }
)
"""Lists that grow with a workspace and are not paged. They are made by the piece (`hub_schema.py`), so nobody waits for
a long one; what one asks for is bounded by its length times what is below."""
WITHIN_EACH_OTHER = 1_000
"""What one of all these counts as that has another one below: their lengths multiply, as all drones of each drone's
workspace do."""
DEAR: Mapping[str, int] = {
    "Query.fleetAt": 1_000,
    "Subscription.replay": 200,
    "Media.groundCoverage": 10,
    "Media.coverageMissing": 10,
    "Flight.coverage": 50,
    "Flight.mediaArchive": 50,
    "Workspace.coverage": 200,
    "Workspace.mediaArchive": 200,
}
"""What fields count for themselves that take a multiple of the work of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The numbers of security.md, section 5; each is a setting."""

    tokens: int = 2_000
    """Of the source text, comments counted."""
    depth: int = 10
    aliases: int = 30
    fields: int = 500
    fragments: int = 50
    operations: int = 10
    variables: int = 100
    directives: int = 50
    cost: int = 5_000
    page: int = 200
    """The largest page that can be asked for."""
    default_page: int = 50
    """The page that is given where none is asked for."""
    plain_list: int = 10
    """What a list that is not paged counts as."""
    comparing: int = 100_000
    """Of fields that stand under one name, each with each other, which validation does: see `Shape.comparing`."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What one selection set adds up to, fragments resolved."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    cost: int = 0
    is_long: bool = False
    """Something in it is one of the lists of `LONG` or `GROWING`."""


class Shape:
    """The definitions of a document, checked for all that does not depend on which operation runs, and with what.

    Raises:
        HubError: TOO_COMPLEX or BAD_INPUT.
    """

    def __init__(self, document: DocumentNode, limits: Limits) -> None:
        self.operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        fragments = sum(isinstance(node, FragmentDefinitionNode) for node in document.definitions)
        _at_most(fragments, limits.fragments, "fragments")
        _at_most(len(self.operations), limits.operations, "operations")
        _at_most(sum(len(node.variable_definitions or ()) for node in self.operations), limits.variables, "variables")
        counter = _Counter()
        visit(document, counter)
        _at_most(counter.directives, limits.directives, "directives")
        if counter.nul:
            raise bad_input("query", "The character U+0000 is not allowed.")
        self.fields = counter.fields
        """That stand in it, each once."""
        self._spreads = {name: _spreads(node.selection_set) for name, node in self.fragments.items()}
        for node in self.operations:
            _spreads(node.selection_set)

    def comparing(self, most: int) -> int:
        """How much the library's rule has to do by which fields of one name must agree: it compares each with each,
        so that it takes the square of what stands in the document. 1 is a comparison of two fields with nothing below,
        about 0.4 microseconds.

        Raises:
            HubError: TOO_COMPLEX, as soon as it is more than the most.
        """
        found = 0
        for definition in (*self.operations, *self.fragments.values()):
            groups = [[definition.selection_set]]  # the selections that are merged, as the answer's fields will be
            while groups:
                alike: dict[str, tuple[int, int]] = {}
                below: dict[str, list[SelectionSetNode]] = {}
                spread: set[str] = set()
                pending = groups.pop()
                while pending:
                    for item in pending.pop().selections:
                        found += ONE_VISIT
                        if isinstance(item, FieldNode):
                            name = (item.alias or item.name).value
                            pair = ONE_PAIR if item.selection_set is None else ONE_DEEP_PAIR
                            pair += ONE_CHARACTER * sum(_length(node) for node in item.arguments or ())
                            others, most_of_pair = alike.get(name, (0, 0))
                            most_of_pair = max(pair, most_of_pair)
                            found += others * most_of_pair
                            alike[name] = (others + 1, most_of_pair)
                            if item.selection_set is not None:
                                below.setdefault(name, []).append(item.selection_set)
                        elif isinstance(item, InlineFragmentNode):
                            pending.append(item.selection_set)
                        elif isinstance(item, FragmentSpreadNode) and item.name.value in self.fragments:
                            if item.name.value not in spread:
                                found += len(spread) * ONE_FRAGMENT_PAIR
                                spread.add(item.name.value)
                            pending.append(self.fragments[item.name.value].selection_set)
                    _at_most(found, most, "comparisons of fields of one name")
                groups.extend(below.values())
        return found

    def order(self) -> list[str] | None:
        """The names of the fragments, each after those that it spreads; None where they form a cycle."""
        ordered: dict[str, None] = {}
        for root in self._spreads:
            if root in ordered:
                continue
            path = {root: iter(self._spreads[root])}
            while path:
                name, spreads = next(reversed(path.items()))
                for spread in spreads:
                    if spread in path:
                        return None
                    if spread in self._spreads and spread not in ordered:
                        path[spread] = iter(self._spreads[spread])
                        break
                else:
                    del path[name]
                    ordered[name] = None
        return list(ordered)


class Scale:
    """Weighs operations of one schema."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._pages = {
            get_named_type(field.type).name
            for named in schema.type_map.values()
            for field in getattr(named, "fields", {}).values()
            if isinstance(field, GraphQLField) and PAGE_ARGUMENT in field.args
        }

    def check(
        self, shape: Shape, order: Sequence[str], operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> tuple[GraphQLError | None, bool]:
        """Weigh an operation.

        Returns:
            The refusal, if any, and whether it was weighed by the variables, so that it holds for these alone.
        """
        defaults = {
            node.variable.name.value: node.default_value.value
            for node in operation.variable_definitions or ()
            if isinstance(node.default_value, IntValueNode)
        }
        walk = _Walk(self._schema, self._limits, self._pages, {**defaults, **variables})
        try:
            for name in order:
                fragment = shape.fragments[name]
                kind = self._schema.get_type(fragment.type_condition.name.value)
                walk.known[name] = walk.weigh(fragment.selection_set, kind)
            root = self._schema.get_root_type(operation.operation)
            weight = walk.weigh(operation.selection_set, root)
            _at_most(weight.depth, self._limits.depth, "levels of fields")
            _at_most(weight.aliases, self._limits.aliases, "aliases")
            _at_most(weight.fields, self._limits.fields, "fields")
            _at_most(weight.cost, self._limits.cost, "points of cost")
        except HubError as error:
            return to_graphql_error(error), walk.by_variables
        return None, walk.by_variables


class _Walk:
    def __init__(self, schema: GraphQLSchema, limits: Limits, pages: set[str], variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._limits = limits
        self._pages = pages
        self._variables = variables
        self.known: dict[str, Weight] = {}
        self.by_variables = False

    def weigh(self, selections: SelectionSetNode, parent: GraphQLNamedType | None) -> Weight:
        depth = aliases = fields = cost = 0
        is_long = False
        for node in selections.selections:
            match node:
                case FieldNode():
                    added = self._field(node, parent)
                case InlineFragmentNode():
                    condition = node.type_condition
                    kind = self._schema.get_type(condition.name.value) if condition else parent
                    added = self.weigh(node.selection_set, kind)
                case FragmentSpreadNode():
                    # An unknown fragment is refused by the library's rules; until then it weighs as a field.
                    added = self.known.get(node.name.value, Weight(1, 0, 1, 1))
                case _:
                    continue
            depth = max(depth, added.depth)
            aliases = min(aliases + added.aliases, CEILING)
            fields = min(fields + added.fields, CEILING)
            cost = min(cost + added.cost, CEILING)
            is_long = is_long or added.is_long
        return Weight(depth, aliases, fields, cost, is_long)

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Weight:
        aliases = 1 if node.alias else 0
        field = getattr(parent, "fields", {}).get(node.name.value)
        below = Weight()
        if node.selection_set is not None:
            below = self.weigh(node.selection_set, get_named_type(field.type) if field else None)
        if node.name.value in INTROSPECTION:
            # Bounded by the library's own rule; its depth and lists are those of the schema, not of our data.
            return Weight(1, aliases + below.aliases, 1 + below.fields, 1)
        times = self._times(node, field, parent, below) if field else 1
        name = _name(parent, node)
        return Weight(
            below.depth + 1,
            min(aliases + below.aliases, CEILING),
            min(1 + below.fields, CEILING),
            min(DEAR.get(name, 1) + times * below.cost, CEILING),
            below.is_long or name in LONG or name in GROWING,
        )

    def _times(self, node: FieldNode, field: GraphQLField, parent: GraphQLNamedType | None, below: Weight) -> int:
        """How often what is below the field is computed."""
        if PAGE_ARGUMENT in field.args:
            return self._page(node)
        if POINTS_ARGUMENT in field.args:
            return max(self._limits.plain_list, self._asked_for(node, POINTS_ARGUMENT, 0) // POINTS_OF_A_TIME)
        kind = field.type.of_type if is_non_null_type(field.type) else field.type
        if not is_list_type(kind) or (parent is not None and parent.name in self._pages):
            return 1  # the list of a page was counted with the page
        name = _name(parent, node)
        if below.is_long and (name in LONG or name in GROWING):
            return WITHIN_EACH_OTHER
        return LONG.get(name, self._limits.plain_list)

    def _page(self, node: FieldNode) -> int:
        size = self._asked_for(node, PAGE_ARGUMENT, self._limits.default_page)
        if size > self._limits.page:
            raise bad_input(PAGE_ARGUMENT, f"A page has at most {self._limits.page} items.")
        return max(size, 1)

    def _asked_for(self, node: FieldNode, name: str, default: int) -> int:
        """The number that an argument gives; the default where it gives none."""
        number: Any = None
        for argument in node.arguments or ():
            if argument.name.value == name:
                number = self._value(argument)
        return int(min(number, CEILING)) if isinstance(number, int | float) else default

    def _value(self, argument: ArgumentNode) -> Any:
        value = argument.value
        if isinstance(value, VariableNode):
            self.by_variables = True
            given = self._variables.get(value.name.value)
            return int(given) if isinstance(given, str) and given.isdecimal() and len(given) < 20 else given
        return int(value.value) if isinstance(value, IntValueNode) and len(value.value) < 20 else None


def _length(node: Node) -> int:
    return 0 if node.loc is None else node.loc.end - node.loc.start


def _name(parent: GraphQLNamedType | None, node: FieldNode) -> str:
    return f"{parent.name if parent else ''}.{node.name.value}"


class _Counter(Visitor):
    """Counts what counts once, however often it is spread."""

    def __init__(self) -> None:
        super().__init__()
        self.directives = 0
        self.fields = 0
        self.nul = False

    def enter_field(self, *_: Any) -> None:
        self.fields += 1

    def enter_directive(self, *_: Any) -> None:
        self.directives += 1

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        self.nul = self.nul or "\0" in node.value


def _spreads(selections: SelectionSetNode) -> set[str]:
    """The fragments that a definition spreads; refuses selection sets nested beyond reason."""
    found: set[str] = set()
    level: list[SelectionSetNode] = [selections]
    for _ in range(NESTING):
        deeper: list[SelectionSetNode] = []
        for node in _selections(level):
            if isinstance(node, FragmentSpreadNode):
                found.add(node.name.value)
            elif isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
                deeper.append(node.selection_set)
        if not deeper:
            return found
        level = deeper
    raise HubError(Code.TOO_COMPLEX, f"Selections are nested deeper than {NESTING}.")


def _selections(level: Iterable[SelectionSetNode]) -> Iterable[Node]:
    for selections in level:
        yield from selections.selections


def _at_most(found: int, limit: int, what: str) -> None:
    if found > limit:
        raise HubError(Code.TOO_COMPLEX, f"This asks for more than {limit} {what}.")
