"""The little of Markdown that the descriptions of our contracts are written in, as HTML.

Paragraphs, tables, lists, `code`, **strong**, *emphasis* and [links](/within the hub, or https). Everything else is
text.
"""

import re
from html import escape

_INLINE = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(((?:https://|/)[^)\s]*)\)")
_RULE = re.compile(r"\|(?: *:?-+:? *\|)+")


def inline(text: str) -> str:
    """A line's worth of it."""
    found, end = [], 0
    for match in _INLINE.finditer(text):
        found.append(escape(text[end : match.start()]))
        end = match.end()
        code, strong, emphasis, label, target = match.groups()
        if code is not None:
            found.append(f"<code>{escape(code)}</code>")
        elif strong is not None:
            found.append(f"<strong>{inline(strong)}</strong>")
        elif emphasis is not None:
            found.append(f"<em>{inline(emphasis)}</em>")
        else:
            found.append(f'<a href="{escape(target)}">{inline(label)}</a>')
    return "".join([*found, escape(text[end:])])


def blocks(text: str) -> str:
    """A whole description."""
    return "\n".join(_block(block.strip().splitlines()) for block in re.split(r"\n\s*\n", text) if block.strip())


def _block(lines: list[str]) -> str:
    if len(lines) > 1 and lines[0].startswith("|") and _RULE.fullmatch(lines[1].strip()):
        head, rows = _cells(lines[0]), [_cells(line) for line in lines[2:]]
        return _table([f"<th>{cell}</th>" for cell in head], [[f"<td>{cell}</td>" for cell in row] for row in rows])
    if all(line.startswith("- ") for line in lines):
        return f"<ul>{''.join(f'<li>{inline(line[2:])}</li>' for line in lines)}</ul>"
    return f"<p>{inline(' '.join(lines))}</p>"


def _cells(line: str) -> list[str]:
    return [inline(cell.strip()) for cell in line.strip().strip("|").split("|")]


def _table(head: list[str], rows: list[list[str]]) -> str:
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{"".join(head)}</tr></thead><tbody>{body}</tbody></table></div>'
