"""README for the package index, which shows it far from the files that it links to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(r"(!\[[^\]]*\]\()(?!https?:)([^)]+)")
IMAGE = re.compile(r'(\b(?:src|srcset)=")(?!https?:)([^"]+)')
LINK = re.compile(r"(\]\()(?!https?:)([^)]+)")


def absolute(readme: str, repository: str, version: str) -> str:
    """Return README with links and pictures in the repository, as it was at that version."""
    page = f"{repository}/blob/v{version}"
    parts = CODE.split(readme)  # every second one is code
    for place in range(0, len(parts), 2):
        text = PICTURE.sub(rf"\1{repository}/raw/v{version}/\2", parts[place])
        text = IMAGE.sub(rf"\1{repository}/raw/v{version}/\2", text)
        text = re.sub(r"(\]\()(?=#)", rf"\1{page}/README.md", text)
        parts[place] = LINK.sub(rf"\1{page}/\2", text)
    return "".join(parts)


class ReadmeHook(MetadataHookInterface):
    """Hatchling calls `update`, after it has read the version."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the long description."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute(text, metadata["urls"]["Repository"], metadata["version"]),
        }
