"""
Write the part of C{docs/adapters.md} that tells the signatures, from the
interfaces: C{python docs/generate_adapters.py}.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from lsserver.adapters import interfaces

PAGE = Path(__file__).parent / "adapters.md"
BEGIN = "<!-- Made by docs/generate_adapters.py from lsserver/adapters/interfaces.py; change that. -->\n"
END = "<!-- End of what is made. -->\n"
WIDTH = 120

SECTIONS = {
    "Metadata Adapter": ("IMetadataProvider", "IMetadataControlListener"),
    "Data Adapter": (
        "IDataProviderBase",
        "IDataProvider",
        "ISmartDataProvider",
        "IItemEventListener",
        "IItemPublisher",
    ),
    "Both": ("IStoppable", "IBlockingAdapter", "IAdapterContext"),
    "What methods are given": (
        "ITableInfo",
        "ISubscriptionStatistics",
        "IItemEvent",
        "ICustomizableItemEvent",
    ),
    "Mobile push": ("IMpnHooks",),
}
"""The interfaces that concern people who write adapters."""

_FIELD = re.compile(r"^@(param|raise|return)(?: ([\w.]+))?: ", re.MULTILINE)


def made() -> str:
    """The generated part, without its first and last line."""
    module = ast.parse(inspect.getsource(interfaces))
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    parts = []
    for heading, names in SECTIONS.items():
        parts.append(f"### {heading}")
        for name in names:
            cls = classes[name]
            bases = [base.id for base in cls.bases if isinstance(base, ast.Name) and base.id in classes]
            title = f"**`{name}`**" + (f" (and what `{bases[0]}` has)" if bases else "")
            parts.append(wrapped(f"{title}: {markdown(ast.get_docstring(cls) or '')}"))
            parts.append("\n".join(members(cls)))
    return "\n" + "\n\n".join(parts) + "\n\n"


def members(cls: ast.ClassDef) -> Iterator[str]:
    """A list item for each method and attribute."""
    for node in cls.body:
        if isinstance(node, ast.FunctionDef):
            signature = f"{node.name}({arguments(node.args)}){returned(node.returns)}"
            yield item(signature, markdown(ast.get_docstring(node) or ""))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call):
            (text,) = (ast.literal_eval(argument) for argument in node.value.args)
            yield item(f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}", markdown(text))


def arguments(given: ast.arguments) -> str:
    """Arguments with their types and defaults."""
    plain = ast.unparse(given)
    return re.sub(r"(?<=\w)=(?=\w)", " = ", plain)


def returned(annotation: ast.expr | None) -> str:
    """The type of the result; that it may come later is said once, for all."""
    text = ast.unparse(annotation) if annotation is not None else "None"
    text = re.sub(r"MaybeAsync\[(.*)\]", r"\1", text)
    return "" if text == "None" else f" -> {text}"


def item(signature: str, text: str) -> str:
    """One entry of a list."""
    return wrapped(f"`{signature}`" + (f": {text}" if text else ""), "* ", "  ")


def wrapped(text: str, first: str = "", rest: str = "") -> str:
    """A paragraph; code is not broken."""
    glued = re.sub(r"`[^`]+`", lambda code: code[0].replace(" ", "\0"), text)
    lines = textwrap.fill(
        glued, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return lines.replace("\0", " ")


def markdown(docstring: str) -> str:
    """One paragraph of Markdown for a docstring in epytext."""
    body, *fields = _FIELD.split(docstring)
    text = inline(body)
    for kind, name, told in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        if kind == "param":
            text += f" `{name}`: {inline(told)}"
        elif kind == "raise":
            text += f" Raises `{name}`: {inline(told)}"
        else:
            text += f" Returns {inline(told)}"
    return text.strip()


def inline(text: str) -> str:
    """C{...} and L{...} as code; what refers to sections of the specification is left out."""
    text = " ".join(text.split())
    text = re.sub(r" \(\d+(?:\.\d+)?(?:, \d+(?:\.\d+)?)*\)", "", text)
    text = re.sub(r"L\{([^{}<>]+)<[^{}<>]+>\}", r"`\1`", text)
    text = re.sub(r"L\{([^{}]+)\}", lambda link: f"`{link[1].removeprefix('lsserver.adapters.')}`", text)
    return re.sub(r"C\{([^{}]*)\}", r"`\1`", text)


def page(text: str) -> str:
    """The page with its generated part renewed."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + made() + END + tail


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
