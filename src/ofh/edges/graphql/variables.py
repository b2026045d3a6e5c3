"""The variables of operations: which of them count for how events are shown, and how values are compared."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from graphql import FieldNode, FragmentDefinitionNode, Node, VariableNode

from .hub_schema import FanoutExecutor, Operation


def below(operation: Operation, executor: FanoutExecutor) -> Hashable:
    """The values of those variables of a subscription that count for how its events are shown: all who agree in them,
    and in the operation, are shown an event alike.
    """
    document = operation.document
    needed = document.needed_below.get(operation.name)
    if needed is None:
        needed = document.needed_below[operation.name] = _needed_below(operation)
    return frozen({name: value for name, value in executor.variable_values.coerced.items() if name in needed})


def frozen(value: Any) -> Hashable:
    """A value of coerced variables as something to compare by; 1, 1.0 and true stay apart."""
    if isinstance(value, Mapping):
        return tuple((key, frozen(item)) for key, item in sorted(value.items()))
    if isinstance(value, list | tuple):
        return ("list", *(frozen(item) for item in value))
    return (type(value), value)


def _needed_below(operation: Operation) -> frozenset[str]:
    """The variables that count for more than the arguments of the one field that a subscription selects."""
    definitions = operation.document.tree.definitions
    selections = operation.node.selection_set.selections
    nodes: list[Node] = [item for item in definitions if isinstance(item, FragmentDefinitionNode)]
    if len(selections) == 1 and isinstance(selections[0], FieldNode):
        root = selections[0]
        nodes += [*(root.directives or ()), *([root.selection_set] if root.selection_set else [])]
    else:
        nodes.append(operation.node.selection_set)
    return frozenset(name for item in nodes for name in _variables(item))


def _variables(node: Node) -> Iterator[str]:
    if isinstance(node, VariableNode):
        yield node.name.value
        return
    for key in node.keys:
        value: Any = getattr(node, key, None)
        for inner in value if isinstance(value, list | tuple) else (value,):
            if isinstance(inner, Node):
                yield from _variables(inner)
