"""
Where the data that ships with the package lies: demo adapter sets and pages.
"""

from __future__ import annotations

import site
import sysconfig
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def demo_adapters() -> Path | None:
    """
    The folder of the adapter sets that ship: in a checkout (also when installed
    editable) the one beside the package, else C{share/lsserver/adapters} of the
    place where the package is installed. C{None} if they were left out.
    """
    checkout = _PACKAGE.parent
    candidates = [
        *([checkout / "adapters"] if (checkout / "setup.cfg").is_file() else []),
        *(
            Path(base) / "share" / "lsserver" / "adapters"
            for base in (sysconfig.get_path("data"), site.getuserbase(), _PACKAGE.parents[2])
        ),
    ]
    return next((folder for folder in candidates if folder.is_dir()), None)


def pages() -> Path:
    """The folder of the pages that ship."""
    return _PACKAGE / "web"
