"""
Write C{docs/configuration.md} from the dataclasses of the configuration:
C{python docs/generate_configuration.py}.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lsserver.adapters.invocation import CallSettings
from lsserver.config import GROUPS, NESTED, General
from lsserver.elements import NOT_TAKEN
from lsserver.engine.settings import EngineSettings
from lsserver.reading import Slot, describe, slots_of
from lsserver.transport.settings import TransportSettings

PAGE = Path(__file__).parent / "configuration.md"

HEADINGS = {
    General: "General",
    CallSettings: "Calls of adapters",
    EngineSettings: "Sessions, buffers and delivery",
    TransportSettings: "HTTP and WebSocket",
}

HEAD = """\
# Configuration

<!-- Made by docs/generate_configuration.py from the dataclasses of the configuration; change those. -->

`twistd -n lsserver --config lsserver.toml` reads a [TOML](https://toml.io) file. Every element may be left out; its
default stands below. An option of the command line wins over the file. `--check` says everything that is wrong with a
file, in one line each, without starting the server.

```toml
max_sessions = 5000
adapters_dir = "adapters"            # relative to this file

[[http_server]]
name = "Public"
port = 8080

[[https_server]]
name = "Public TLS"
port = 8443
keystore = { keystore_file = "fullchain.pem", private_key_file = "$env.KEY_FILE" }

[log_config]
"LightstreamerLogger.requests" = "debug"
```

* Names are those of the official configuration file in lower case, with tables for its nested elements.
* A value `"$env.NAME"` is taken from the environment variable `NAME`, for numbers and booleans too; if there is no such
  variable, or it is empty, the element counts as left out. `"$$env.NAME"` is the text `$env.NAME` itself.
* Booleans are `true` and `false`, or `"Y"` and `"N"`. `"none"` is the absence of a value where there may be none.
* `_millis` are milliseconds; other units stand in the tables.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    tables: list[tuple[str, type]] = []
    told: set[str] = set()
    for cls, elements in GROUPS.items():
        slots = [slot for slot in slots_of(cls, elements) if slot.path not in told]
        told.update(slot.path for slot in slots)
        parts.append(f"## {HEADINGS[cls]}\n\n" + "\n".join(rows(slots, "", tables)) + "\n")
    for name, cls in tables:
        slots = slots_of(cls, NESTED[cls])
        parts.append(f"## `{name}`\n\n" + "\n".join(rows(slots, name.strip("[]") + ".", tables)) + "\n")
    parts.append("\n".join(not_taken()) + "\n")
    return "\n".join(parts)


def not_taken() -> Iterator[str]:
    """The official elements that are none here."""
    yield "## Elements of the official server that are not needed"
    yield ""
    yield "They are refused, in one line each, so that nobody believes that they do something."
    yield ""
    yield "| element | why |"
    yield "| --- | --- |"
    together: dict[str, list[str]] = {}
    for name, reason in NOT_TAKEN.items():
        together.setdefault(reason, []).append(f"`{name}`")
    for reason, names in together.items():
        yield f"| {', '.join(names)} | {reason} |"


def rows(slots: Iterable[Slot], prefix: str, tables: list[tuple[str, type]]) -> Iterator[str]:
    """The lines of one table; dataclasses found inside are added to C{tables}."""
    yield "| element | default | allowed | meaning |"
    yield "| --- | --- | --- | --- |"
    for slot in slots:
        inner = nested(slot.type)
        if inner is not None:
            name = prefix + slot.path
            tables.append((f"[[{name}]]" if typing.get_origin(slot.type) is tuple else f"[{name}]", inner))
        allowed = describe(slot.type, slot.element).replace("|", "\\|")
        yield f"| `{slot.path}` | {default(slot)} | {allowed} | {slot.element.meaning} |"


def nested(kind: Any) -> type | None:
    """The dataclass that values of a type are or contain."""
    if kind in NESTED:
        return typing.cast(type, kind)
    return next((found for part in typing.get_args(kind) if (found := nested(part)) is not None), None)


def default(slot: Slot) -> str:
    """A default as one would write it in the file."""
    value = slot.default
    if dataclasses.is_dataclass(value):
        return "see below"
    if value is None:
        return "none"
    if value == "" or value == () or value == {}:
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple | frozenset):
        return "`" + ", ".join(str(one) for one in value) + "`" if not nested(slot.type) else "see below"
    if isinstance(value, Mapping):
        return "`" + ", ".join(f"{key} = {text}" for key, text in value.items()) + "`"
    return f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page())
