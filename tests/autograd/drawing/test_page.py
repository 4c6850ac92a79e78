"""The page that steps through a drawing: as text, and in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from autograd import Value, sin, tanh
from autograd import sum as total
from autograd.drawing import draw
from autograd.drawing.dot import clean
from autograd.drawing.page import page
from autograd.drawing.steps import Change, Step
from autograd.formatting import number
from autograd.graph import interior, topological_order
from nn import MLP, losses
from tests.browser import open_browser, requests, require_browser

HOSTILE = [
    "</script><script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "<!--<script>",
    "]]></title></svg><iframe src='https://example.com'></iframe>",
    "\"quotes\" & 'quotes' &lt;&#60; <!--@data--> \\u003c {{x}} ${x}",
    "权重 𝑤₁ عربى",
    "data",
    "grad",
    "two\nlines",
    "long " * 30,
    "__proto__",
    "v1",
    "half a pair: \ud800",
]


def neuron() -> Value:
    y = tanh(Value(0.5, "w") * Value(2.0, "x") + Value(-1.25, "b"))
    y.label = "y"
    return y


def textbook() -> Value:
    """The textbook's network, without a backward pass: `grad` is 0 everywhere."""
    model = MLP(2, [2, 2], "sigmoid", output_activation="sigmoid", shared_bias=True)
    for i, weight in enumerate(
        w for layer in model.layers for n in layer.neurons for w in n.weights
    ):
        weight.data, weight.label = 0.15 + 0.05 * i, f"w{i + 1}"
    inputs = [Value(0.05, "i1"), Value(0.1, "i2")]
    error: Value = losses.half_squared_error(model(inputs), [0.01, 0.99])
    error.label = "E"
    return error


def hostile() -> Value:
    values = [Value(float(i), label) for i, label in enumerate(HOSTILE)]
    y = total(value * value for value in values)
    y.label = "</title><script>window.pwned = 2</script>"
    return y


def tangle(size: int) -> Value:
    """A graph of so many nodes, each computed from one or two shortly before it."""
    operations: list[Callable[[Value, Value], Value]] = [
        lambda a, b: a + b,
        lambda a, _: sin(a),
        lambda a, b: a * b,
        lambda a, b: a - b,
    ]
    nodes = [Value(0.1 * i - 0.3, f"x{i}") for i in range(7)]
    while len(nodes) < size - 1:
        i = len(nodes)
        a, b = nodes[i - 2], nodes[max(0, i - 3 - i * i % 11)]
        nodes.append(operations[i % 4](a, b))
    children = {parent for node in nodes for parent in node.parents}
    y = total(node for node in nodes if node not in children)
    y.label = "y"
    return y


# --- as text -------------------------------------------------------------------------------------


class Elements(HTMLParser):
    """The start tags of a page and the text in its scripts, as an HTML parser finds them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self.in_script = tag == "script"
        if self.in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.in_script = False

    def handle_data(self, data: str) -> None:
        if self.in_script:
            self.scripts[-1] += data


STEP = Step("forward", "n0", (), "1 of 1 · forward: y", "y = x", "= 2", (), {})


def test_a_page_holds_its_title_drawing_and_steps() -> None:
    text = page('<svg><g id="d-n0" class="node"/></svg>', [STEP], "a < b & 'c'")
    assert "<title>a &lt; b &amp; &#x27;c&#x27;</title>" in text
    assert text.count('<svg><g id="d-n0" class="node"/></svg>') == 1
    assert "<!--@" not in text
    data = json.loads(Elements(text).scripts[0])
    assert data["steps"][0]["title"] == STEP.title
    assert (data["names"], data["leaves"]) == ({}, [])


def test_places_in_what_is_filled_in_are_left_alone() -> None:
    svg = "<svg><!--@data--></svg>"
    assert page(svg, [STEP], "t").count("<!--@data-->") == 1


def test_the_policy_allows_this_script_and_nothing_else() -> None:
    elements = Elements(page("<svg></svg>", [STEP], "t"))
    policy = next(a["content"] for tag, a in elements.tags if "http-equiv" in a and tag == "meta")
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    digest = base64.b64encode(hashlib.sha256(elements.scripts[1].encode()).digest()).decode()
    assert rules.pop("script-src") == f"'sha256-{digest}'"
    assert rules == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_a_page_names_no_other_address() -> None:
    text = draw(textbook()).svg
    found = set(re.findall(r"\b(?:https?|ftp|wss?):[^\s\"'<>]*", page(text, [STEP], "t")))
    assert found <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_names_close_nothing_and_open_nothing() -> None:
    changes = {f"n{i}": Change(name, "1", "1.0") for i, name in enumerate(HOSTILE)}
    step = Step("backward", "n0", (), HOSTILE[0], HOSTILE[1], HOSTILE[2], (*HOSTILE,), changes)
    text = page("<svg></svg>", [step], HOSTILE[0])
    text.encode()
    elements = Elements(text)
    assert len(elements.scripts) == 2
    assert not {"img", "iframe"} & {tag for tag, _ in elements.tags}
    data = json.loads(elements.scripts[0])
    assert list(data["names"].values()) == list(map(clean, HOSTILE))
    assert data["steps"][0]["lines"] == list(map(clean, HOSTILE))


def test_a_page_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="no steps"):
        page("<svg></svg>", [], "t")


# --- in a browser --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    require_browser()
    with open_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


class Page:
    """A page in the browser, and what can be read off it."""

    def __init__(self, browser: Any, path: Path) -> None:
        self.browser = browser
        self.path = path
        self.run: Callable[..., Any] = browser.execute_script
        browser.get(path.as_uri())
        self.last = int(self.run("return document.getElementById('slider').max"))

    def by_id(self, identifier: str) -> Any:
        return self.browser.find_element("id", identifier)

    def text(self, identifier: str) -> str:
        return str(self.run("return document.getElementById(arguments[0]).textContent", identifier))

    def press(self, key: str, times: int = 1) -> None:
        """Press a key of that name in WebDriver's code, as a person would."""
        code = {
            "Left": "\ue012", "Right": "\ue014", "Home": "\ue011", "End": "\ue010",
            "Space": " ", "Tab": "\ue004", "Shift": "\ue008",
        }[key]  # fmt: skip
        self.browser.switch_to.active_element.send_keys(code * times)

    def slide(self, step: int) -> None:
        self.run(
            "const slider = document.getElementById('slider'); slider.value = arguments[0];"
            "slider.dispatchEvent(new Event('input', {bubbles: true}))",
            step,
        )

    @property
    def step(self) -> int:
        return int(self.run("return document.getElementById('slider').value"))

    def leaves(self) -> dict[str, tuple[str, str]]:
        """Read the table: the data and gradient of each leaf."""
        rows = self.run(
            "return [...document.querySelectorAll('#leaves tr')]"
            ".map((row) => [...row.cells].map((cell) => cell.textContent))"
        )
        return {name: (data, grad) for name, data, grad in rows}

    def boxes(self) -> list[list[str]]:
        """Read the boxes in the order of their ids: the texts of each but for names added."""
        texts: list[list[str]] = self.run(
            "return [...document.querySelectorAll('#graph g.node')]"
            ".sort((a, b) => a.id.match(/\\d+$/)[0] - b.id.match(/\\d+$/)[0])"
            ".map((g) => [...g.querySelectorAll('text:not(.tag)')].map((t) => t.textContent))"
        )
        return texts

    def emulate(self, **features: str) -> None:
        named = [{"name": name.replace("_", "-"), "value": v} for name, v in features.items()]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})


Open: TypeAlias = Callable[..., Page]


@pytest.fixture
def opened(chrome: Any, tmp_path: Path) -> Iterator[Open]:
    """Draw a graph, and open its page; at the end, check that it was quiet.

    No page may write an error to the console or ask for anything but itself.
    """
    paths = [Path("about:blank")]

    def open_page(root: Value, **options: Any) -> Page:
        paths.append(draw(root, **options).to_html(tmp_path / f"page{len(paths)}.html"))
        return Page(chrome, paths[-1])

    chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    yield open_page
    assert chrome.get_log("browser") == []
    allowed = {path.as_uri() for path in paths[1:]} | {"data:,"}
    asked = requests(chrome)
    assert len(asked) >= len(paths) - 1
    assert set(asked) <= allowed


def expected(root: Value) -> dict[str, tuple[str, str]]:
    """Name the leaves of a graph, with all digits of data and of the gradient of one pass."""
    root.zero_grad()
    root.backward()
    return {
        leaf.label or "": (repr(leaf.data), repr(leaf.grad))
        for leaf in topological_order(root)
        if not leaf.parents and leaf.label
    }


def by_keys(shown: Page) -> None:
    shown.press("Right", shown.last)


def by_end(shown: Page) -> None:
    shown.press("End")


def by_slider(shown: Page) -> None:
    shown.slide(shown.last)


def by_keys_on_the_slider(shown: Page) -> None:
    shown.by_id("slider").send_keys("\ue014" * shown.last)


def by_buttons(shown: Page) -> None:
    for _ in range(shown.last):
        shown.by_id("next").click()


@pytest.mark.parametrize(
    ("go", "graph"),
    [
        (by_keys, textbook),
        (by_end, textbook),
        (by_slider, textbook),
        (by_keys_on_the_slider, textbook),
        (by_buttons, neuron),  # Selenium takes its time for a click
    ],
)
def test_gradients_at_the_end_are_those_of_backward(
    opened: Open, go: Callable[..., None], graph: Callable[[], Value]
) -> None:
    root = graph()
    shown = opened(root)
    assert {grad for _, grad in shown.leaves().values()} == {"not yet"}
    go(shown)
    assert shown.step == shown.last
    assert shown.leaves() == expected(root)
    assert shown.text("phase") == "← Backward"
    boxes = shown.boxes()
    for node, texts in zip(drawn_in_order(root), boxes, strict=True):
        if "grad" in texts:
            assert texts[-4:] == ["data", number(node.data), "grad", number(node.grad)]


def drawn_in_order(root: Value) -> list[Value]:
    """List the nodes of a drawing in the order of their ids, from the drawing's own scene."""
    from autograd.drawing.scene import scene

    boxes = sorted(scene([root]).boxes, key=lambda box: int(box.identifier[1:]))
    return [box.nodes[0] for box in boxes]


def test_numbers_come_step_by_step_and_go_when_stepping_back(opened: Open) -> None:
    root = neuron()
    shown = opened(root)
    product, shifted, _ = interior(root)
    first = shown.boxes()
    known = [text for texts in first for text in texts if re.match("[−\\d]", text)]
    assert sorted(known) == sorted(["0.5", "2", "−1.25"])
    seen = [first]
    for _ in range(shown.last):
        shown.press("Right")
        seen.append(shown.boxes())
    counts = [sum(texts.count("·") for texts in boxes) for boxes in seen]
    assert counts == [9, 8, 7, 6, 5, 4, 2, 0]
    assert any(number(product.data) in texts for texts in seen[1])
    assert not any(number(shifted.data) in texts for texts in seen[1])
    for boxes in seen[-2::-1]:
        shown.press("Left")
        assert shown.boxes() == boxes
    shown.press("End")
    shown.slide(4)
    assert shown.boxes() == seen[4]


def test_a_step_is_told_in_names_and_numbers_and_highlighted(opened: Open) -> None:
    root = neuron()
    shown = opened(root)
    marked = "return [...document.querySelectorAll('.current')].map((g) => g.id.split('-').at(-1))"
    assert shown.run(marked) == []
    shown.press("Right")
    assert shown.text("title") == "2 of 8 · forward: v1"
    assert (shown.text("formula"), shown.text("evaluated")) == ("v1 = w·x", "= 0.5·2 = 1")
    found = shown.run(marked)
    assert [identifier[0] for identifier in sorted(found)] == ["e", "e", "n"]
    shown.slide(6)
    assert shown.text("title") == "7 of 8 · backward: v2"
    assert "∂y/∂b += ∂y/∂v2 · ∂v2/∂b = " in shown.text("lines")
    assert shown.text("exact-data") == "-0.25"
    _, shifted, _ = interior(root)
    expected(root)
    assert shown.text("exact-grad") == repr(shifted.grad)
    # Nodes without a label bear the name that the formulas use.
    tags = shown.run("return [...document.querySelectorAll('.tag')].map((t) => t.textContent)")
    assert sorted(tags) == ["v1", "v2"]


def test_phases_are_told_apart_by_words_and_colours(opened: Open) -> None:
    shown = opened(neuron())
    shown.emulate(prefers_reduced_motion="reduce")  # or a colour may be on its way
    colours = {}
    for step in (1, shown.last):
        shown.slide(step)
        colours[shown.text("phase")] = shown.run(
            "return ['#phase', '.current.edge path', '#halo'].map((selector) => {"
            "const style = getComputedStyle(document.querySelector(selector));"
            "return selector[1] === 'p' ? style.backgroundColor : style.stroke})"
        )
    assert list(colours) == ["Forward →", "← Backward"]
    forward, backward = colours.values()
    assert forward[0] != backward[0]
    # What the step is about has a colour of its own, which is that of neither phase.
    assert forward[1:] == backward[1:]
    assert set(forward[1:]).isdisjoint({forward[0], backward[0]})


def test_what_a_link_carries_is_told_when_it_is_carried(opened: Open) -> None:
    shown = opened(neuron(), links="contributions")
    hidden = "return document.querySelectorAll('g.edge.later').length"
    visible = (
        "return [...document.querySelectorAll('g.edge text')]"
        ".filter((t) => getComputedStyle(t).visibility === 'visible').length"
    )
    links = shown.run("return document.querySelectorAll('g.edge').length")
    counts = []
    for step in range(shown.last + 1):
        shown.slide(step)
        counts.append(shown.run(hidden))
        assert shown.run(visible) == links - counts[-1]
    assert counts == [5, 5, 5, 5, 5, 4, 2, 0]


def test_home_end_and_the_ends(opened: Open) -> None:
    shown = opened(neuron())
    shown.press("Left")
    assert shown.step == 0
    assert shown.by_id("previous").get_attribute("aria-disabled") == "true"
    shown.press("End")
    shown.press("Right")
    assert shown.step == shown.last
    assert shown.by_id("next").get_attribute("aria-disabled") == "true"
    shown.press("Home")
    assert shown.step == 0
    shown.by_id("last").click()
    assert shown.step == shown.last
    shown.by_id("previous").click()
    assert shown.step == shown.last - 1
    shown.by_id("first").click()
    assert shown.step == 0


def wait(shown: Page, condition: str) -> None:
    """Wait in the page until a condition holds, for ten seconds at most."""
    held = shown.browser.execute_async_script(
        "const done = arguments[0], end = performance.now() + 10000;"
        f"const look = () => ({condition}) ? done(true)"
        ": performance.now() > end ? done(false) : setTimeout(look, 10); look()"
    )
    assert held, condition


def test_it_plays_to_the_end_and_again(opened: Open) -> None:
    shown = opened(Value(2.0, "a") * Value(3.0, "b"))
    shown.run(
        "const speed = document.getElementById('speed'); speed.value = '200';"
        "speed.dispatchEvent(new Event('change'))"
    )
    at_end = "document.getElementById('slider').value === document.getElementById('slider').max"
    shown.press("Space")
    assert shown.by_id("play").get_attribute("aria-label") == "Pause"
    wait(shown, at_end)
    wait(shown, "document.getElementById('play').ariaLabel === 'Play'")
    shown.by_id("play").click()
    assert shown.step < shown.last
    wait(shown, at_end)
    # Stepping by hand stops it; and Space presses the button that has the focus once.
    shown.press("Space")
    assert shown.by_id("play").get_attribute("aria-label") == "Pause"
    shown.press("Right")
    assert shown.by_id("play").get_attribute("aria-label") == "Play"


def test_clicking_a_node_goes_to_its_step(opened: Open) -> None:
    shown = opened(neuron())
    click = (
        "[...document.querySelectorAll('g.node')]"
        ".find((g) => g.querySelector('text').textContent === arguments[0])"
        ".querySelector('text').dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    shown.run(click, "y")
    assert shown.text("title") == "4 of 8 · forward: y"
    shown.press("End")
    shown.run(click, "y")
    assert shown.text("title") == "6 of 8 · backward: y"
    shown.run(click, "w")  # a leaf has no step
    assert shown.text("title") == "6 of 8 · backward: y"


def test_labels_inject_nothing_and_come_out_whole(opened: Open) -> None:
    root = hostile()
    shown = opened(root)
    shown.press("End")
    assert shown.run("return window.pwned === undefined")
    assert shown.run("return document.scripts.length") == 2
    assert shown.run("return document.querySelectorAll('img, iframe, object, embed').length") == 0
    assert shown.leaves() == {clean(name): row for name, row in expected(root).items()}
    assert len(shown.leaves()) == len(HOSTILE)
    # Boxes headed "data" and "grad" are read right.
    _, *rows = next(texts for texts in shown.boxes() if texts[0] == "data")
    assert rows == ["data", "6", "grad", "12"]
    _, *rows = next(texts for texts in shown.boxes() if texts[0] == "grad")
    assert rows == ["data", "7", "grad", "14"]


def test_no_other_script_runs_and_nothing_is_fetched(chrome: Any, tmp_path: Path) -> None:
    shown = Page(chrome, draw(neuron()).to_html(tmp_path / "page.html"))
    blocked = chrome.execute_async_script(
        "const done = arguments[0], found = [];"
        "document.addEventListener('securitypolicyviolation', (event) => {"
        "  found.push(event.effectiveDirective); if (found.length === 3) done(found.sort()) });"
        "const script = document.createElement('script'); script.textContent = 'pwned = 1';"
        "document.body.append(script); new Image().src = 'http://127.0.0.1:9/x.png';"
        "fetch('http://127.0.0.1:9/').catch(() => 0)"
    )
    assert blocked == ["connect-src", "img-src", "script-src-elem"]
    assert shown.run("return typeof pwned") == "undefined"
    chrome.get_log("browser")  # these errors were wanted
    requests(chrome)


def names_by_role(shown: Page) -> dict[str, list[str]]:
    """Ask for the accessibility tree: the names of what has each role."""
    shown.browser.execute_cdp_cmd("Accessibility.enable", {})
    tree = shown.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})
    shown.browser.execute_cdp_cmd("Accessibility.disable", {})  # or it is kept up at each change
    found: dict[str, list[str]] = {}
    for node in tree["nodes"]:
        if not node["ignored"]:
            name = node.get("name", {}).get("value", "")
            found.setdefault(node["role"]["value"], []).append(name)
    return found


def test_names_and_roles_for_those_who_do_not_see_it(opened: Open) -> None:
    shown = opened(neuron())
    shown.press("Right")
    found = names_by_role(shown)
    assert sorted(found["button"]) == [
        "First step", "Fit the graph to its frame", "Last step", "Next step", "Play",
        "Previous step",
    ]  # fmt: skip
    assert found["slider"] == ["Step"]
    assert shown.by_id("slider").get_attribute("aria-valuetext") == "2 of 8 · forward: v1"
    assert [name.split()[0] for name in found["combobox"]] == ["Speed"]
    assert found["table"] == ["Leaves"]
    assert found["columnheader"] == ["name", "data", "gradient so far"]
    assert found["rowheader"] == ["b", "w", "x"]
    assert found["heading"] == [shown.text("title-of-page"), "2 of 8 · forward: v1"]
    assert found["main"] == [""]
    assert set(found["region"]) == {
        "Computation graph", "Stepping", "This step", "Leaves and their gradients",
    }  # fmt: skip
    (image,) = found.get("image", found.get("img", []))
    assert image.startswith("Computation graph of ")


def test_each_step_is_said_politely(opened: Open) -> None:
    shown = opened(neuron())
    status = shown.by_id("status")
    assert (status.aria_role, status.get_attribute("aria-live")) == ("status", "polite")
    said = [shown.text("status")]
    for _ in range(shown.last):
        shown.press("Right")
        said.append(shown.text("status"))
    assert len(set(said)) == shown.last + 1
    assert said[1] == "Step 2 of 8 · forward: v1. v1 = w·x = 0.5·2 = 1"
    assert "∂y/∂b += ∂y/∂v2 · ∂v2/∂b = " in said[6]


def test_every_control_is_reached_by_tab_and_shows_it(opened: Open) -> None:
    shown = opened(neuron())
    reached = []
    for _ in range(12):
        shown.press("Tab")
        focus = "document.activeElement"
        reached.append(shown.run(f"return {focus}.id"))
        if reached[-1]:
            width = shown.run(f"return getComputedStyle({focus}).outlineWidth")
            assert width == "3px", reached[-1]
    order = ["graph", "first", "previous", "play", "next", "last", "slider", "speed", "zoom"]
    assert reached[: len(order)] == order
    # Arrows step wherever the focus is; a button pressed by Space does only what it says.
    shown.by_id("next").send_keys(" ")
    assert shown.step == 1
    shown.by_id("graph").send_keys("\ue014")
    assert shown.step == 2
    assert shown.by_id("play").get_attribute("aria-label") == "Play"


CONTRASTS = """
const luminance = ([r, g, b]) => {
  const f = (c) => (c /= 255, c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
};
const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const paint = (colours) => {
  canvas.clearRect(0, 0, 1, 1);
  for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const found = [];
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
  if (element.closest("script, svg, .hidden, noscript, [aria-disabled=true]")) continue;
  const behind = [];
  for (let e = element; e; e = e.parentElement) behind.unshift(getComputedStyle(e).backgroundColor);
  const back = luminance(paint(["white", ...behind]));
  const front = luminance(paint(["white", ...behind, getComputedStyle(element).color]));
  const ratio = (Math.max(back, front) + 0.05) / (Math.min(back, front) + 0.05);
  found.push([ratio, element.id || element.tagName, walker.currentNode.data]);
}
return found;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(opened: Open, scheme: str) -> None:
    shown = opened(textbook())
    shown.emulate(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    dark = shown.run("return getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    assert dark == (scheme == "dark")
    for step in (0, 2, shown.last // 2 + 3, shown.last):
        shown.slide(step)
        found = shown.run(CONTRASTS)
        assert len(found) > 20
        assert min(found)[0] >= 4.5, min(found)


def test_no_motion_where_none_is_wanted(opened: Open) -> None:
    shown = opened(tangle(40))
    recorded = (
        "const pane = document.getElementById('graph'), native = pane.scrollTo;"
        "window.asked = []; pane.scrollTo = (to) => { asked.push(to.behavior);"
        "native.call(pane, to) }"
    )
    transition = "return getComputedStyle(document.querySelector('.edge path')).transitionDuration"
    shown.run("document.getElementById('zoom').ariaPressed === 'true' && zoom.click()")
    shown.run(recorded)
    shown.emulate(prefers_reduced_motion="reduce")
    assert shown.run(transition) == "0s"
    shown.press("Right", 20)
    assert set(shown.run("return asked")) == {"auto"}
    shown.run("asked.length = 0")
    shown.emulate(prefers_reduced_motion="no-preference")
    assert shown.run(transition) != "0s"
    shown.press("Right", 20)
    assert set(shown.run("return asked")) == {"smooth"}


def test_the_node_of_the_step_is_in_sight(opened: Open) -> None:
    shown = opened(tangle(40), direction="LR")
    shown.emulate(prefers_reduced_motion="reduce")
    # All steps in one script: other tests really press keys.
    in_sight = """
        const found = [];
        for (let i = 0; i < slider.max; i++) {
          document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
          const pane = document.getElementById("graph").getBoundingClientRect();
          const node = document.querySelector(".current.node").getBoundingClientRect();
          found.push(node.left >= pane.left && node.right <= pane.right
            && node.top >= pane.top && node.bottom <= pane.bottom);
        }
        return found;
    """
    wide = "const p = document.getElementById('graph'); return p.scrollWidth > p.clientWidth"
    shown.run("zoom.ariaPressed === 'true' && zoom.click()")
    assert shown.run(wide)
    assert shown.run(in_sight) == [True] * shown.last
    assert shown.step == shown.last
    left = "return document.getElementById('graph').scrollLeft"
    before = shown.run(left)
    shown.browser.switch_to.active_element.send_keys("\ue008\ue014\ue014")
    assert shown.run(left) == before + 160
    assert shown.step == shown.last
    shown.by_id("zoom").click()
    assert shown.by_id("zoom").get_attribute("aria-pressed") == "true"
    assert not shown.run(wide)


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844), (844, 390), (1920, 1080)])
def test_the_page_fits_its_window(opened: Open, width: int, height: int) -> None:
    shown = opened(textbook())
    shown.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 900},
    )
    for step in (0, shown.last // 2, shown.last):
        shown.slide(step)
        assert shown.run("return document.documentElement.scrollWidth <= innerWidth")
        # The controls are visible wherever one scrolls.
        shown.run("scrollTo(0, arguments[0] ? document.body.scrollHeight : 0)", step)
        assert shown.run(
            "const box = document.getElementById('next').getBoundingClientRect();"
            "return box.top >= 0 && box.bottom <= innerHeight"
        )


def test_the_page_opens_with_all_of_the_graph_on_a_desk_and_a_neighbourhood_on_a_phone(
    opened: Open, chrome: Any
) -> None:
    for width, height, whole in ((1280, 800, True), (390, 844, False)):
        chrome.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 900},
        )
        shown = opened(textbook())
        hidden = shown.run(
            "const p = document.getElementById('graph').getBoundingClientRect();"
            "return [...document.querySelectorAll('g.node')].filter((g) => {"
            "const b = g.getBoundingClientRect();"
            "return b.left < p.left || b.right > p.right || b.top < p.top || b.bottom > p.bottom"
            "}).length"
        )
        assert (hidden == 0) is whole
        # Legible: a letter is 5 pixels high at least, and on a phone more.
        size = shown.run(
            "return document.querySelector('g.node text').getBoundingClientRect().height"
        )
        assert size >= (8.0 if whole else 12.0)
    chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_numbers_keep_clear_of_the_words_before_them(opened: Open) -> None:
    root = textbook()  # without a backward pass: the boxes are made for gradients of 0
    shown = opened(root)
    shown.press("End")
    gaps = shown.run(
        "return [...document.querySelectorAll('g.node')].flatMap((g) => {"
        "const texts = [...g.querySelectorAll('text:not(.tag)')];"
        "return texts.slice(0, -1).filter((t) => /^(data|grad)$/.test(t.textContent)).map((t) => {"
        "const a = t.getBBox(), b = texts[texts.indexOf(t) + 1].getBBox(), c = g.getBBox();"
        "return [b.x - a.x - a.width, c.x + c.width - b.x - b.width] }) })"
    )
    assert len(gaps) >= 30
    assert min(gap for pair in gaps for gap in pair) >= 1.0


def test_names_of_leaves_break_where_a_module_begins(opened: Open) -> None:
    weights = [Value(0.1234567890123456, f"layers.0.neurons.{n}.weights.0") for n in range(2)]
    shown = opened(weights[0] * weights[1])
    lines = shown.run("""
      const name = document.querySelector("#leaves th"), lines = [], range = document.createRange();
      const walk = document.createTreeWalker(name, NodeFilter.SHOW_TEXT);
      for (let node, last; (node = walk.nextNode());) for (let i = 0; i < node.length; i++) {
        range.setStart(node, i); range.setEnd(node, i + 1);
        const top = Math.round(range.getBoundingClientRect().top);
        if (top !== last) lines.push("");
        last = top; lines[lines.length - 1] += node.data[i];
      }
      return lines;
    """)
    assert "".join(lines) == "layers.0.neurons.0.weights.0"
    assert len(lines) > 1
    assert all(line.endswith(".") for line in lines[:-1])


def test_a_drawing_of_a_part_tells_what_it_shows(opened: Open) -> None:
    root = textbook()
    shown = opened(root, within=3)
    assert shown.last + 1 == 2 + 2 * 7  # the sum, and of each output product, square, difference
    assert sum(texts.count("·") for texts in shown.boxes()) == 14
    shown.press("End")
    assert sum(texts.count("·") for texts in shown.boxes()) == 0
    expected(root)
    shown_gradients = [texts[-1] for texts in shown.boxes() if "grad" in texts]
    drawn = [node for node in interior(root) if node.op in {"sum", "*", "square", "-"}]
    assert sorted(shown_gradients) == sorted(number(node.grad) for node in drawn)


@pytest.mark.no_cover
def test_three_hundred_nodes(opened: Open) -> None:
    root = Value(0.3, "x0")  # a comb: Graphviz takes ten seconds over a tangle of this size
    for i in range(1, 150):
        root = root * Value(0.9 + 0.01 * (i % 20), f"x{i}")
    root = sin(root)
    root.label = "y"
    shown = opened(root)
    assert len(shown.boxes()) == 300
    shown.emulate(prefers_reduced_motion="reduce")
    shown.run("""
        for (let i = 0; i < 100; i++) {
          document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
        }
    """)
    assert shown.step == 100
    shown.press("End")
    assert shown.step == shown.last
    assert shown.leaves() == expected(root)
