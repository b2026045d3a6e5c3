"""An unbroken line, for formats that write all times of a line apart from all its positions."""

from collections.abc import Sequence


class Line:
    """The texts of a line's points, a column for each list that the format writes.

    In bytes: lists of strings would take several times as much memory.

    Args:
        columns: how many.
        separator: between the texts of a column.
    """

    __slots__ = ("columns", "count", "separator")

    def __init__(self, columns: int, separator: bytes) -> None:
        self.columns = [bytearray() for _ in range(columns)]
        self.count = 0
        self.separator = separator

    def add(self, texts: Sequence[str]) -> None:
        """One more point: a text for each column."""
        for column, text in zip(self.columns, texts, strict=True):
            if self.count:
                column += self.separator
            column += text.encode()
        self.count += 1
