"""Typed text on the pages: it is escaped, so that Streamlit takes none of it for Markdown.

`pages/parts/words.py` says which of Streamlit's texts are Markdown, and has what to write instead.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as st_
from streamlit.delta_generator import DeltaGenerator

from pages.parts import words

ROOT = Path(__file__).parents[2]
WORDS = ROOT / "pages" / "parts" / "words.py"
FILES = sorted({ROOT / "app.py", *(ROOT / "pages").rglob("*.py")} - {WORDS})

MARKDOWN = {
    "body",
    "caption",
    "captions",
    "delta",
    "delta_description",
    "help",
    "label",
    "tabs",
    "text",
    "title",
}
"""Parameters that are Markdown, in whichever of Streamlit's functions has them."""
OPTIONS = {"radio", "pills", "segmented_control", "menu_button"}
"""Functions whose options are Markdown too."""
PLAIN = {"App", "code", "json", "latex", "text", "Page", "set_page_config", "column_config"}
"""Functions that show their text as it is."""
NOT_HERE = {
    "badge": "it escapes brackets a second time, which undoes the escape: use `show.badge`",
    "table": "every cell is Markdown: use `show.table`, which escapes them",
    "write": "what it draws depends on the type: use `st.markdown` or another by name",
    "html": "typed text could become a part of the page",
}
HINT = (
    "may hold text that somebody typed. Write a constant, fill the text into one by "
    '`words.md("Open {}", name)`, or escape it by `words.plain(name)`; a helper of the pages that gives such '
    "text says so by `-> words.Markdown`"
)


def _parameters(function: str) -> list[str]:
    """The names of a Streamlit function's parameters; none where there is no such function."""
    found = getattr(DeltaGenerator, function, None) or getattr(st, function, None)
    if function.startswith("_") or not callable(found):
        return []
    return [name for name in inspect.signature(found).parameters if name != "self"]


def _makers() -> dict[str, set[str]]:
    """The functions that give escaped text, by module."""
    made: dict[str, set[str]] = {}
    for path in (*FILES, WORDS):
        names = made.setdefault(path.stem, set())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and _is_markdown(node.returns):
                names.add(node.name)
            elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("_ours("):
                names.update(ast.unparse(t) for t in node.targets)
    return made


def _is_markdown(annotation: ast.expr | None) -> bool:
    return annotation is not None and all(
        part.strip() in ("Markdown", "words.Markdown", "None") for part in ast.unparse(annotation).split("|")
    )


Values = dict[str, list[ast.expr | None]]
"""What names are bound to in one scope; None: something that is not looked into."""


def _bound(scope: ast.AST) -> Values:
    """All that is bound in a scope, without the scopes inside it."""
    found: Values = {}
    if isinstance(scope, ast.FunctionDef | ast.Lambda):
        a = scope.args
        for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))):
            found[arg.arg] = [ast.Constant("") if _is_markdown(arg.annotation) else None]
    for node in _inside(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                _bind(target, node.value, found)
        elif isinstance(node, ast.AnnAssign) and node.value:
            _bind(node.target, node.value, found)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id, [])
            if not any(node in ast.walk(t) for t in _targets(scope)):
                found[node.id].append(None)
    return found


def _targets(scope: ast.AST) -> Iterator[ast.AST]:
    for node in _inside(scope):
        if isinstance(node, ast.Assign):
            yield from node.targets
        elif isinstance(node, ast.AnnAssign) and node.value:
            yield node.target


def _bind(target: ast.expr, value: ast.expr, found: Values) -> None:
    """Take apart `a, b = x, y`, also where it is `(x, y) if c else (v, w)`."""
    if isinstance(value, ast.IfExp) and isinstance(target, ast.Tuple):
        _bind(target, value.body, found)
        _bind(target, value.orelse, found)
    elif isinstance(target, ast.Tuple):
        parts: list[ast.expr | None] = [None] * len(target.elts)
        if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts):
            parts = [*value.elts]
        for one, part in zip(target.elts, parts, strict=True):
            if isinstance(one, ast.Name):
                found.setdefault(one.id, []).append(part)
    elif isinstance(target, ast.Name):
        found.setdefault(target.id, []).append(value)


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield from _inside(node)


class Check:
    """Looks through one file."""

    def __init__(self, source: str, module: str, makers: dict[str, set[str]]) -> None:
        self.module, self.makers, self.found = module, makers, list[str]()
        tree = ast.parse(source)
        self.modules = {
            alias.asname or alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        } - {"st"}
        self._visit(tree, [])

    def _visit(self, node: ast.AST, scopes: list[Values]) -> None:
        if isinstance(node, ast.Module | ast.FunctionDef | ast.Lambda):
            scopes = [*scopes, _bound(node)]
        if isinstance(node, ast.Call):
            self._call(node, scopes)
        for child in ast.iter_child_nodes(node):
            self._visit(child, scopes)

    def _call(self, call: ast.Call, scopes: list[Values]) -> None:
        function = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
        if function in ("md", "say", "note", "lines", "Markdown"):
            self._template(call, function)
        if not isinstance(call.func, ast.Attribute):
            return
        on = call.func.value
        if (isinstance(on, ast.Name) and on.id in self.modules) or function in PLAIN - {"text"}:
            return
        names = ["label"] if ast.unparse(on) == "st.column_config" else _parameters(function)
        if not names or (not call.args and not call.keywords):
            return
        if function in NOT_HERE and not (self.module == "show" and function == "table"):
            self._say(call, f"`{function}` is not for pages: {NOT_HERE[function]}")
        given = [*zip(names, call.args, strict=False)]
        for keyword in call.keywords:
            if keyword.arg == "unsafe_allow_html":
                self._say(call, f"`unsafe_allow_html` is not for pages: {NOT_HERE['html']}")
            elif keyword.arg:
                given.append((keyword.arg, keyword.value))
            elif not ast.unparse(keyword.value).startswith("form.field("):
                self._say(call, f"what `**` gives `{function}` {HINT}")
        texts = MARKDOWN - {"body"} if function == "text" else MARKDOWN
        if ast.unparse(on) == "st.column_config":
            texts = {"help"}
        if function == "metric":
            texts = texts | {"value"}
        if function in OPTIONS:
            named = any(name == "format_func" for name, _ in given)
            texts = texts | {"format_func" if named else "options"}
        for name, value in given:
            if name in texts and not self._safe(value, scopes):
                self._say(value, f"`{name}` of `{function}` {HINT}")

    def _template(self, call: ast.Call, function: str) -> None:
        text = call.args[1:2] if function == "lines" else call.args[:1]
        for value in text:
            if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
                self._say(value, f"what `{function}` takes as it is must be a constant")

    def _safe(self, value: ast.expr | None, scopes: list[Values]) -> bool:
        """Whether this is constant or escaped text, as far as can be seen from here."""
        match value:
            case ast.Constant():
                return True
            case ast.Name(id=name):
                for depth in range(len(scopes), 0, -1):
                    if name in scopes[depth - 1]:
                        return all(self._safe(v, scopes[:depth]) for v in scopes[depth - 1][name])
                return False
            case ast.IfExp(body=one, orelse=other):
                return self._safe(one, scopes) and self._safe(other, scopes)
            case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
                return all(self._safe(v, scopes) for v in values)
            case ast.Dict(values=values):
                return all(self._safe(v, scopes) for v in values)
            case ast.ListComp(elt=made):
                return self._safe(made, scopes)
            case ast.Lambda(body=made):
                return self._safe(made, scopes)
            case ast.Subscript(value=ast.Name() as table):
                return self._safe(table, scopes)
            case ast.Call(func=ast.Name(id=name)):
                return name in self.makers[self.module] | self.makers["words"]
            case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)):
                return name in self.makers.get(module, set())
        return False

    def _say(self, node: ast.expr, what: str) -> None:
        self.found.append(f"{self.module}.py:{node.lineno}: {what}")


MAKERS = _makers()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_gives_streamlit_constants_and_escaped_text_only(path):
    assert not Check(path.read_text(), path.stem, MAKERS).found


@pytest.mark.parametrize(
    "line",
    [
        'st.markdown(f"**{name}**")',
        'st.caption("About " + name)',
        'st.button("Open %s" % name)',
        'st.toast("Open {}".format(name))',
        'st.error(", ".join([name]))',
        "st.title(name)",
        "st.title(file.name)",
        'left.markdown(f"**{name}**")',
        "column.metric(name, name)",
        'st.button("Open", help=name)',
        "st.tabs([name])",
        'st.radio("Which", [1], format_func=lambda _: name)',
        'st.radio("Which", [name])',
        'st.radio("Which", [1], captions=[name])',
        'st.markdown("Yes" if name else name)',
        'text = "Yes"; text = name; st.markdown(text)',
        "for one in names: st.markdown(one)",
        'st.column_config.TextColumn("Name", help=name)',
        "st.markdown(**given)",
        "md(name)",
        'md(f"**{name}**")',
        "say(name)",
        'words.lines(["a"], name)',
        "words.Markdown(name)",
        "st.badge(name)",
        "st.table([name])",
        "st.write(name)",
        "st.html(name)",
        'st.markdown("<b>", unsafe_allow_html=True)',
    ],
)
def test_the_check_finds_what_could_be_typed_text(line):
    assert _found(line)


@pytest.mark.parametrize(
    "line",
    [
        'st.markdown("**Yes**")',
        'st.markdown(md("**{}**", name))',
        "st.button(words.plain(name), key=name)",
        'text = md("{}", name) if name else ""; st.caption(text)',
        "(one, two) = (words.plain(name), 1); st.caption(one)",
        'LABELS = {"a": "A", "b": "B"}; st.button(LABELS[name])',
        "st.tabs([words.plain(n) for n in names])",
        'st.selectbox("Which", names, format_func=lambda n: n)',
        "st.text(name)",
        'st.text_input("Name", value=name, placeholder=name)',
        'st.column_config.TextColumn(name, help="What it is called")',
        'st.text_area(**form.field("name", name))',
        'words.say("**{}**", name)',
    ],
)
def test_the_check_lets_pass_what_cannot_be(line):
    assert not _found(line)


def _found(line: str) -> list[str]:
    body = "\n".join(f"    {part}" for part in line.split("; "))
    source = f"from pages.parts import words\ndef f(name, names, file, left, column, form, given):\n{body}\n"
    return Check(source, "page", {**MAKERS, "page": set()}).found


# --- the escape ----------------------------------------------------------------------------------

FOUND_LATER = re.compile(
    r"https?://|www\.[-.\w]|[-.\w+]@[-\w]|:[\w+-]+:|:material[_/]\w+:|(?<!\S)(?:<->|->|<-|--|>=|<=|~=)(?!\S)",
    re.IGNORECASE | re.ASCII,
)
"""What Streamlit 1.67 makes links, icons and symbols of once Markdown is read, within one piece of text."""
BITS = st_.sampled_from(
    [
        *"\\`*_{}[]()<>#+-.!|~$:^=&@/;\n\t 1aA",
        "http",
        "www",
        "://",
        ":x:",
        "--",
        "&sol;",
        "\u202e",
        "\u200b",
        "ж",
    ]
)
TYPED = st_.lists(BITS, max_size=12).map("".join) | st_.text(max_size=20)


@given(TYPED)
def test_escaped_text_reads_as_typed_and_holds_nothing_that_counts(typed):
    made = words.plain(typed)
    pieces = made.split(":small[]")
    read = [re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", piece) for piece in pieces]
    assert "".join(read).split() == words.visible(typed).split()
    assert not [piece for piece in read if FOUND_LATER.search(piece)]
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "\0", "\0".join(pieces))
    assert not re.search(r"[\\`*\[\]{}<>$~|]|(?<![a-z0-9])_|_(?![a-z0-9])|&[#\w]|:[a-z]", bare, re.IGNORECASE)
    assert not [line for line in made.split("\n") if re.match(r"[#+=-]|\d+[.)](\s|$)|\s", line)]


@given(TYPED)
def test_text_is_escaped_once(typed):
    assert words.plain(words.plain(typed)) == words.plain(typed)
    assert words.md("{}", words.md("**{}**", typed)) == f"**{words.plain(typed)}**"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("a\u202eb", "a[U+202E]b"),  # turns round what follows
        ("a\u200bb", "a[U+200B]b"),  # zero width
        ("a\u200db", "a[U+200D]b"),  # a joiner where nothing is joined
        ("a\x00b\x1b[31m", "a[U+0000]b[U+001B][31m"),
        ("a\u3164b", "a[U+3164]b"),  # a letter that shows nothing
        ("a\udc80b", "a[U+DC80]b"),  # half of a character; no browser would get it
        ("a\tb\r\nc\rd", "a b\nc\nd"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian parts its letters so
        ("👩\u200d💻 ☎\ufe0f", "👩\u200d💻 ☎\ufe0f"),
        ("Åsa Öberg, 100 % – «tél.»", "Åsa Öberg, 100 % – «tél.»"),
    ],
)
def test_hidden_characters_are_shown_by_number(typed, shown):
    assert words.visible(typed) == shown


@pytest.mark.parametrize("name", ["red[x]", ":material/x:y", "<img>", ":smile:"])
def test_an_icon_is_one_of_streamlits_by_name(name):
    with pytest.raises(ValueError, match="names no icon"):
        words.icon(name)
