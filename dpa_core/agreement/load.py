"""Load a version of the agreement from its folder and check it, so that nothing wrong in it gets further.

A folder is checked in two steps: first each file and entry by itself, then what the entries say of each
other. Each step reports all it finds at once.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dpa_core import ROOT
from dpa_core.agreement.model import (
    Agreement,
    Certification,
    ChapterV,
    Clause,
    DataCategory,
    DataSubject,
    DataType,
    Feature,
    Measure,
    Part,
    Place,
    Purpose,
    RetentionSettings,
    SubProcessor,
    Target,
    Term,
    TransferMechanism,
)
from dpa_core.agreement.transfers import unlawful

AGREEMENTS = ROOT / "data" / "agreements"
"""The built-in versions."""

PAGES = frozenset(
    {
        "overview",
        "features",
        "sub_processors",
        "retention",
        "audits",
        "notices",
        "data_return",
        "assistance",
        "incidents",
        "history",
        "agreement",
    }
)
"""The pages a clause may point to."""

LISTS: dict[str, dict[str, type[Part]]] = {
    "agreement.toml": {},
    "terms.toml": {"terms": Term, "targets": Target},
    "features.toml": {"features": Feature},
    "sub_processors.toml": {
        "places": Place,
        "mechanisms": TransferMechanism,
        "sub_processors": SubProcessor,
    },
    "data_categories.toml": {"data_categories": DataCategory},
    "data_subjects.toml": {"data_subjects": DataSubject},
    "purposes.toml": {"purposes": Purpose},
    "measures.toml": {"measures": Measure, "certifications": Certification},
    "retention.toml": {"data_types": DataType},
    "clauses.toml": {"clauses": Clause},
}
"""The files of a folder, and the lists of entries in each."""

OPTIONAL = frozenset({"targets"})
"""The lists that may be left out: settings of the provider's own that it need not have."""
ADEQUACY = "adequacy.toml"
"""Beside the versions, as it holds for all of them; folders without one go by the built-in one."""

FIELDS: dict[str, tuple[str, ...]] = {
    "agreement.toml": ("version", "title", "published", "processor"),
    "retention.toml": ("basis", "clause", "note", "grace_days"),
}
"""What stands in a file beside its lists."""

_NO_LAW = ChapterV(checked=date.min, eea=(), adequacy=())
"""Stands in where the rest of an agreement is checked by itself."""


class AgreementError(Exception):
    """A folder does not hold a sound agreement. One line a problem: where, what is wrong, what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("\n".join(self.problems))


def load_all(*roots: Path) -> dict[str, Agreement]:
    """Every version under the `roots` (the built-in ones where none is given), by version, oldest first.

    AgreementError names all that is wrong in any. One version under two roots is wrong too: customers are
    bound to a version by its name, so it must not depend on the order of folders which text that is.
    """
    agreements: dict[str, Agreement] = {}
    found: dict[str, Path] = {}
    problems: list[str] = []
    for root in roots or (AGREEMENTS,):
        for folder in _folders(root, problems):
            if folder.name in found:
                problems.append(
                    f"{folder}: version {folder.name} is in {found[folder.name].parent} already; "
                    "give one of them another version"
                )
                continue
            found[folder.name] = folder
            try:
                agreements[folder.name] = load(folder)
            except AgreementError as error:
                problems.extend(error.problems)
    if problems:
        raise AgreementError(problems)
    return dict(sorted(agreements.items()))


def _folders(root: Path, problems: list[str]) -> list[Path]:
    """The folders of the versions under `root`; where there are none, `problems` is told."""
    try:
        inside = list(root.iterdir()) if root.is_dir() else []
        folders = sorted(f for f in inside if f.is_dir() and f.name[0] != ".")
    except OSError as error:
        problems.append(f"{root}: cannot be read ({error.strerror}); see that the app may read it")
        return []
    if not folders:
        problems.append(f"{root}: no agreement here; add a folder named by its version, as 2026-01-29")
    return folders


def load(folder: Path) -> Agreement:
    """The agreement in `folder`, checked. AgreementError names all that is wrong with it."""
    if not folder.is_dir():
        raise AgreementError([f"{folder}: no such folder; name the folder of one version"])
    problems: list[str] = []
    values: dict[str, Any] = {}
    for file in LISTS:
        values |= _read(folder, file, problems)
    law = _chapter_v(folder.parent, problems)
    if problems:
        raise AgreementError(problems)

    retention = {field: values.pop(field) for field in (*FIELDS["retention.toml"], "data_types")}
    agreement = Agreement(**values, retention=RetentionSettings(**retention), chapter_v=law)
    problems = [f"{folder.name}/{problem}" for problem in check(agreement)]
    if agreement.version != folder.name:
        problems.append(
            f'{folder.name}/agreement.toml, field "version": "{agreement.version}" is not the name of the '
            f'folder; write "{folder.name}" or rename the folder'
        )
    if problems:
        raise AgreementError(problems)
    return agreement


# Files and entries, each by itself


def _read(folder: Path, file: str, problems: list[str]) -> dict[str, Any]:
    """What `file` holds, as far as it is sound; what is not is added to `problems`."""
    where = f"{folder.name}/{file}"
    table = _toml(folder / file, where, problems)
    if table is None:
        return {}
    known = [*FIELDS.get(file, ()), *LISTS[file]]
    for key in sorted(table.keys() - known):
        problems.append(f'{where}, "{key}": unknown key; remove it or use one of {", ".join(known)}')
    values: dict[str, Any] = {key: _entries(where, key, table.get(key), problems) for key in LISTS[file]}
    fields = {field: table[field] for field in FIELDS.get(file, ()) if field in table}
    problems.extend(_field_problems(where, file, fields))
    return fields | values


def _toml(file: Path, where: str, problems: list[str]) -> dict[str, Any] | None:
    """What stands in the file; None where that cannot be read, which is added to `problems`."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(f"{where}: missing; add it")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{where}: cannot be read ({error}); see that it is a readable UTF-8 text file")
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{where}: not valid TOML: {error}; correct it there")
    return None


def _chapter_v(root: Path, problems: list[str]) -> ChapterV:
    """What `root` says of Chapter V GDPR, or else what is built in. What is wrong is added to `problems`."""
    own = root / ADEQUACY
    table = _toml(own if own.exists() else AGREEMENTS / ADEQUACY, ADEQUACY, problems)
    try:
        law = ChapterV.model_validate(table) if table is not None else _NO_LAW
    except ValidationError as error:
        problems.extend(_explain(ADEQUACY, error))
        return _NO_LAW
    decided = Counter(d.country for d in law.adequacy)
    for country, times in decided.items():
        where = f'{ADEQUACY}, adequacy "{country}", field "country"'
        if times > 1:
            problems.append(f"{where}: stands {times} times; keep the decision that is in force")
        if country in law.eea:
            problems.append(f"{where}: is in the EU or EEA too; take it out of one of the two")
    return law


def _entries(where: str, key: str, entries: object, problems: list[str]) -> tuple[Part, ...]:
    """The sound entries of the list `key`."""
    if entries is None and key in OPTIONAL:
        return ()
    if not isinstance(entries, list) or not entries or not all(isinstance(e, dict) for e in entries):
        problems.append(f'{where}, "{key}": no entries; add at least one as [[{key}]]')
        return ()
    part = LISTS[where.rpartition("/")[2]][key]
    sound: list[Part] = []
    for number, entry in enumerate(entries, start=1):
        try:
            sound.append(part.model_validate(entry))
        except ValidationError as error:
            name = f'"{entry["id"]}"' if entry.get("id") else f"number {number}"
            problems.extend(_explain(f"{where}, {key} {name}", error))
    return tuple(sound)


def _field_problems(where: str, file: str, fields: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the fields beside the lists, checked as part of a model whose lists are empty."""
    model: type[Part]
    empty: dict[str, Any]
    if file == "agreement.toml":
        lists = {key: () for keys in LISTS.values() for key in keys if key != "data_types"}
        retention = RetentionSettings(
            basis="provider_setting", clause="-", note="-", grace_days=1, data_types=()
        )
        model, empty = Agreement, {**lists, "retention": retention, "chapter_v": _NO_LAW}
    elif file == "retention.toml":
        model, empty = RetentionSettings, {"data_types": ()}
    else:
        return
    try:
        model.model_validate(fields | empty)
    except ValidationError as error:
        yield from _explain(where, error)


def _explain(where: str, error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        field = ".".join(str(step) for step in problem["loc"])
        if problem["type"] == "missing":
            what = "missing; add it"
        elif problem["type"] == "extra_forbidden":
            what = "unknown field; remove it or correct its name"
        else:
            what = f"{problem['msg']}, but it is {problem['input']!r}; correct it"
        yield f'{where}, field "{field}": {what}'


# What the entries say of each other


def check(agreement: Agreement) -> Iterator[str]:
    """Every contradiction between the parts, as lines that begin with the file."""
    yield from _duplicates(agreement)
    yield from _references(agreement)
    yield from _sub_processors(agreement)
    yield from _wordings(agreement)
    yield from _periods(agreement)


def _parts(agreement: Agreement) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """Every list of the agreement with its file and key."""
    for file, keys in LISTS.items():
        for key in keys:
            yield file, key, getattr(agreement.retention if key == "data_types" else agreement, key)


def _duplicates(agreement: Agreement) -> Iterator[str]:
    for file, key, parts in _parts(agreement):
        for field in ("id", "name"):
            # Case and spaces aside, since two names that only differ there can't be told apart on screen.
            seen = Counter(" ".join(getattr(p, field).casefold().split()) for p in parts if hasattr(p, field))
            for value, times in seen.items():
                if times > 1:
                    yield f'{file}, {key} "{value}", field "{field}": stands {times} times; keep one'


def _references(agreement: Agreement) -> Iterator[str]:
    a = agreement
    clauses = {c.id for c in a.clauses}
    for file, key, parts in _parts(a):
        for part in parts:
            if hasattr(part, "clause"):
                yield from _unknown(f'{file}, {key} "{part.id}"', "clause", [part.clause], clauses, "clauses")
    yield from _unknown("retention.toml", "clause", [a.retention.clause], clauses, "clauses")

    features, places = {f.id for f in a.features}, {p.id for p in a.places}
    mechanisms, categories = {m.id for m in a.mechanisms}, {c.id for c in a.data_categories}
    for f in a.features:
        where = f'features.toml, features "{f.id}"'
        yield from _unknown(where, "data_categories", f.data_categories, categories, "data_categories")
    for s in a.sub_processors:
        where = f'sub_processors.toml, sub_processors "{s.id}"'
        yield from _unknown(where, "features", s.features, features, "features")
        yield from _unknown(where, "mechanisms", s.mechanisms, mechanisms, "sub_processors")
        yield from _unknown(
            where, "locations.place", [x.place for x in s.locations], places, "sub_processors"
        )
    for t in a.retention.data_types:
        where = f'retention.toml, data_types "{t.id}"'
        yield from _unknown(where, "data_category", [t.data_category], categories, "data_categories")
        if t.id in categories:  # an order of deletion names either
            yield f'{where}, field "id": a data category has it already; choose another'
    for c in a.clauses:
        if c.page is not None and c.page not in PAGES:
            pages = ", ".join(sorted(PAGES))
            yield (
                f'clauses.toml, clauses "{c.id}", field "page": no page "{c.page}"; '
                f"use one of {pages}, or leave it out"
            )


def _unknown(where: str, field: str, used: Iterable[str], known: set[str], home: str) -> Iterator[str]:
    for id, times in Counter(used).items():
        if id not in known:
            yield f'{where}, field "{field}": "{id}" is not in {home}.toml; add it there or correct it here'
        if times > 1 and field != "locations.place":  # one place may well have two roles
            yield f'{where}, field "{field}": "{id}" stands {times} times; keep one'


def _sub_processors(agreement: Agreement) -> Iterator[str]:
    places = {p.id: p for p in agreement.places}
    mechanisms = {m.id: m for m in agreement.mechanisms}
    for s in agreement.sub_processors:
        where = f'sub_processors.toml, sub_processors "{s.id}"'
        if s.kind == "core" and s.features:
            yield (
                f'{where}, field "features": a core one is always engaged and has none; '
                'empty it or make its kind "optional"'
            )
        if s.kind == "optional" and not s.features:
            yield f'{where}, field "features": an optional one needs at least one; name what engages it'
        listed = [mechanisms[id] for id in s.mechanisms if id in mechanisms]
        # No row says whether a receiver is certified, and a decision may have come or gone since.
        outside = [
            x.place
            for x in s.locations
            if x.place in places
            and unlawful(places[x.place], listed, agreement.chapter_v, agreement.published, covered=True)
            == "no_instrument"
        ]
        if outside:
            yield (
                f'{where}, field "mechanisms": none makes a transfer to "{outside[0]}" lawful, a third '
                "country; name one that serves it (a supplement is none)"
            )
    engaged_by = {id for s in agreement.sub_processors for id in s.features}
    for f in agreement.features:
        if f.id not in engaged_by:
            yield f'features.toml, features "{f.id}": no sub-processor has it; name it in sub_processors.toml'


def _wordings(agreement: Agreement) -> Iterator[str]:
    """The source's own words must hold what we read from them, or the two have drifted apart."""
    names = {f.id: f.name for f in agreement.features}
    for s in agreement.sub_processors:
        for id in s.features:
            if s.features_wording is not None and names.get(id, "") not in s.features_wording:
                yield (
                    f'sub_processors.toml, sub_processors "{s.id}", field "features_wording": does not hold '
                    f'"{names[id]}"; correct it or the features'
                )
    for c in agreement.data_categories:
        for item in c.contents:
            if c.contents_wording is not None and item.casefold() not in c.contents_wording.casefold():
                yield (
                    f'data_categories.toml, data_categories "{c.id}", field "contents": "{item}" is not in '
                    "contents_wording; correct either"
                )


def _periods(agreement: Agreement) -> Iterator[str]:
    for t in agreement.retention.data_types:
        if not t.minimum_days <= t.default_days <= t.maximum_days:
            yield (
                f'retention.toml, data_types "{t.id}", field "default_days": {t.default_days} is not between '
                f"minimum_days {t.minimum_days} and maximum_days {t.maximum_days}; correct one of the three"
            )
