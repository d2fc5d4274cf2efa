"""The report as a browser reads it: elements, visible text, and the embedded figures."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from signfold import report

VOID = {"meta", "link", "br", "img", "input", "hr", "path"}
CONFIG = {
    "dataset": "demo",
    "note": "<script>alert(1)</script>",
    "model": {"network": "conv"},
    "training": {"epochs": 20},
    "fusion": (2, 2),
}


class Page(HTMLParser):
    """Collects elements with their attributes and the visible text, and checks that they nest."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.specs: list[dict] = []
        self.drawings: list[dict] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if "script" not in self.open and "style" not in self.open:
            self.text.append(data)
        elif self.elements[-1] == ("script", {"type": "application/json", "id": "figures"}):
            self.specs = json.loads(data)
        elif self.elements[-1] == ("script", {"type": "application/json", "id": "skeletons"}):
            self.drawings = json.loads(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each element called `tag`."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        """The visible text, in one line; narrow spaces stay."""
        return re.sub(r"[ \n]+", " ", " ".join(self.text))


RUN = report.Run("demo", CONFIG, {"signfold": "0.1.0"}, "snakemake --cores 2")


def built(root: Path, pictures: bool = True) -> Page:
    report.build(report.Results(root, pictures), root / "report.html", RUN)
    return Page(root / "report.html")
