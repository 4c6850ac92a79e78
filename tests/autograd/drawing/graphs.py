"""Random graphs with labels of every kind, and drawings read back from DOT and SVG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from xml.etree import ElementTree

from hypothesis import strategies as st

import autograd
from autograd import Value
from autograd.drawing.drawing import Drawing
from autograd.drawing.scene import FAR
from autograd.graph import depth
from autograd.kinds import FROZEN, PARAMETER
from nn import MLP, losses
from tests.autograd.naive import programs

# --- labels --------------------------------------------------------------------------------------

HOSTILE = [
    "", " ", "\n", "\r\n", "\t", "\xa0", "\u2028", "a\nb", "a\n\n\n\nb", "x" * 1000,
    "x y " * 1000, "]]>", "<script>alert(1)</script>", "</text></svg>", "<b>", "</b>", "<br/>",
    "<!--", "-->", "--", "&", "&amp;", "&lt;", "&foo;", "&nbsp;", "&#65;", "&#0;", "&;", '"', "'",
    '\\"', "\\", "\\n", "\\N", "\\G", "\\E", "\\T", "\\H", "\\L", "\\Gamma", "%s", "%n", "{a|b}",
    "a:b", "a->b", "a;b", "digraph {", "}", "権重", "权重", "שלום", "مرحبا", "e\u0301" * 40,
    "👩\u200d👩\u200d👧", "\U0010ffff", "\x00", "\x1b[31m", "\x7f", "\x85", "\ud800", "\udfff",
    "\ufffe", "\uffff", "\ufdd0", "a\u202eb", "a\u2066b", "\u200f", "\ufeff", "href",
    'x" onload="alert(1)', "javascript:alert(1)", "nan", "v1", "v2", "1", "0.5", "data", "grad",
    "graph0", "clust1", "n0", "e0", "layers.0.bias", "layers.0.neurons.3.weights.1", "权.重.1",
    "a..b", ".a", "a.", ".", "..", "a.<b>.c", "a.b c.d", "0.1", "1.a", "a.1", "a.1.2",
    "cluster.x", "cluster_a.b", "a.b\n", "a.\nb", ".".join("abcdefghij" * 3), ".".join("a" * 100),
    "class.def", "%.%", "٣.a", "a.٣", "a.²",
]  # fmt: skip
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
DOTTED = st.lists(
    st.sampled_from(["layers", "0", "1", "neurons", "net", "out", "w", "权重", "a b", "<i>", ""]),
    min_size=2,
    max_size=6,
).map(".".join)
LABELS = st.none() | st.sampled_from(HOSTILE) | ANY_TEXT | DOTTED
MODULES = st.none() | st.builds(
    "{}.{}".format,
    st.sampled_from(["a", "a.0", "a.0.b", "a.1", "a.1.b.0", "c", "c.d.e.f"]),
    st.sampled_from(["w", "w.0", "bias", "out"]),
)

# Whatever the drawing replaces: XML cannot hold it, or it would be invisible or reverse the rest.
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def printable(label: str) -> str:
    return UNPRINTABLE.sub("\ufffd", label.replace("\r\n", "\n").replace("\r", "\n"))


# --- graphs --------------------------------------------------------------------------------------


@st.composite
def graphs(
    draw: st.DrawFn, max_size: int, labels: st.SearchStrategy[str | None] = LABELS
) -> list[Value]:
    """All nodes that a random program computes, the last one being the root."""
    program = draw(programs(max_size))
    nodes: list[Value] = program.run(autograd, [Value(leaf) for leaf in program.leaves])
    for node in nodes:
        node.label = draw(labels)
        if not node.parents:
            node.op = draw(st.sampled_from([node.op, PARAMETER, FROZEN]))
    if draw(st.booleans()):
        nodes[-1].backward()
    return nodes


def near_graphs(
    max_size: int, labels: st.SearchStrategy[str | None] = LABELS
) -> st.SearchStrategy[list[Value]]:
    """Graphs so flat that no leaf is drawn by mentions."""
    return graphs(max_size, labels).filter(lambda nodes: depth(nodes[-1]) <= FAR)


def neuron() -> Value:
    """tanh(w·x + b) after its backward pass."""
    w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(-0.25, "b")
    y = autograd.tanh(w * x + b)
    y.backward()
    return y


def textbook_model() -> MLP:
    """The network of the worked example."""
    model = MLP(2, [2, 2], "sigmoid", output_activation="sigmoid", shared_bias=True)
    model.load_state_dict(
        {
            "layers.0.neurons.0.weights": [0.15, 0.20],
            "layers.0.neurons.1.weights": [0.25, 0.30],
            "layers.1.neurons.0.weights": [0.40, 0.45],
            "layers.1.neurons.1.weights": [0.50, 0.55],
            "layers.0.bias": 0.35,
            "layers.1.bias": 0.60,
        }
    )
    model.freeze("layers.0.bias", "layers.1.bias")
    return model


def textbook() -> tuple[MLP, Value]:
    """The network of the worked example, and its error after the backward pass."""
    model = textbook_model()
    error = losses.half_squared_error(model([0.05, 0.10]), [0.01, 0.99])
    error.backward()
    return model, error


def chain(length: int, data: float = 0.5) -> Value:
    """A node of so many ancestors in a row."""
    y = Value(data, "x")
    for _ in range(length):
        y = -y
    return y


# --- drawings ------------------------------------------------------------------------------------

NAMESPACE = "{http://www.w3.org/2000/svg}"


@dataclass
class Part:
    """A node, link or cluster of a drawing."""

    identifier: str
    classes: set[str]
    title: str
    texts: list[str]
    module: str = ""
    ends: tuple[str, str] = ("", "")

    @property
    def heading(self) -> str:
        """The texts of a card before its numbers, as one."""
        end = self.texts.index("data") if "data" in self.texts else len(self.texts)
        return "".join(self.texts[:end])


@dataclass
class Picture:
    """What an SVG shows, with the links' ends and the nodes' modules as the DOT text has them."""

    root: ElementTree.Element
    prefix: str
    nodes: dict[str, Part] = field(default_factory=dict)
    links: dict[str, Part] = field(default_factory=dict)
    clusters: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def structure(self) -> dict[str, Any]:
        """Everything but places, colours and sizes; numbers to 9 digits, as the last ones vary."""
        keys = {
            name: _rounded(" ".join([*sorted(node.classes - {"node"}), node.title or "–"]))
            for name, node in self.nodes.items()
        }
        return {
            "nodes": sorted(
                [keys[name], node.module, " ".join(node.texts)] for name, node in self.nodes.items()
            ),
            "links": sorted(
                [keys[link.ends[0]], keys[link.ends[1]], _rounded(link.title), *link.texts]
                for link in self.links.values()
            ),
            "clusters": sorted(cluster.title for cluster in self.clusters),
            "notes": self.notes,
        }


def _rounded(text: str) -> str:
    return re.sub(r"\d+\.\d{6,}(e-?\d+)?", lambda number: f"{float(number[0]):.9g}", text)


def read(drawing: Drawing, svg: str | None = None) -> Picture:
    """Read a drawing back; fails where the SVG is not well-formed or an id stands twice."""
    root = ElementTree.fromstring(drawing.svg if svg is None else svg)
    identifiers = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(set(identifiers)) == len(identifiers)
    found = []
    for group in root.iter(f"{NAMESPACE}g"):
        prefix, _, identifier = group.get("id", "").partition("-")
        if identifier:
            found.append((prefix, group, identifier))
    prefixes = {prefix for prefix, _, _ in found}
    assert len(prefixes) == 1
    picture = Picture(root, prefixes.pop())
    for _, group, identifier in found:
        titles = group.findall(f"{NAMESPACE}title")
        assert len(titles) <= 1
        part = Part(
            identifier,
            set(group.get("class", "").split()),
            titles[0].text or "" if titles else "",
            [
                (text.text or "").replace("\xa0", " ")
                for text in group.findall(f".//{NAMESPACE}text")
            ],
        )
        if "node" in part.classes:
            picture.nodes[identifier] = part
        elif "link" in part.classes:
            picture.links[identifier] = part
        elif "cluster" in part.classes:
            picture.clusters.append(part)
        else:
            picture.notes = [text.text or "" for text in group.findall(f"{NAMESPACE}text")]
    read_source(drawing.source, picture.nodes, picture.links)
    return picture


def read_source(source: str, nodes: dict[str, Part], links: dict[str, Part]) -> None:
    """Fill in the ends of links and the modules of nodes from the DOT text, a statement a line."""
    modules: list[str] = []
    for line in source.splitlines()[1:-1]:
        statement = line.strip()
        if subgraph := re.fullmatch(r'subgraph "?cluster_(.*?)"? \{', statement):
            assert not modules  # no frame lies in another
            modules.append(subgraph[1])
        elif statement == "{":  # boxes in order, side by side
            modules.append(modules[-1] if modules else "")
        elif statement == "}":
            modules.pop()
        elif link := re.match(r"(n\d+) -> (n\d+) \[.*\bid=(e\d+)", statement):
            links[link[3]].ends = link[1], link[2]
        elif node := re.match(r"(n\d+) \[", statement):
            nodes[node[1]].module = unescape(modules[-1]) if modules else ""
    assert not modules


def parent_links(nodes: Sequence[Value]) -> int:
    return sum(len(node.parents) for node in nodes)
