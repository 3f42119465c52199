"""The form in which the provider drafts a change to the list of sub-processors.

Clauses: Sch. 2 1.1, Sch. 2 2.2, 3.1(vii)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st

from dpa_core.agreement import Agreement, Place, Role, SubProcessor
from dpa_core.agreement.transfers import decision_for, serves
from dpa_core.application import ProviderFile
from dpa_core.subjects.sub_processors import (
    KIND_NAMES,
    NEW_PLACE,
    ChangeKind,
    DraftChange,
    places_offered,
)
from pages.parts import actions, words
from pages.parts.scope import Scope
from pages.parts.words import md, note

_ABOUT: dict[ChangeKind, str] = {
    "replacement": "Which one is replaced",
    "removal": "Which one goes",
    "change": "Which one",
    "extension": "Which one",
}
"""What is asked for one on the list, of the kinds that are about one."""

_HAPPENS: dict[Role, str] = {
    "processing": "Data is processed",
    "delivery": "Content is delivered from there",
    "access": "Data may be reached from there",
}


@dataclass(frozen=True)
class _Where:
    """Where a sub-processor would work, what happens there, and what transfers would rest on."""

    places: Sequence[str] = ()
    new_place: tuple[str, bool] | None = None
    """A place that the list of places has not, and whether it lies outside the EU and EEA."""
    uses: Mapping[str, tuple[Role, ...]] = field(default_factory=dict)
    mechanisms: Sequence[str] = ()
    module: int | None = None
    covered: bool = False
    derogation: str = ""


@dataclass(frozen=True)
class _Feature:
    """A new optional feature."""

    name: str = ""
    purpose: str = ""
    data_categories: Sequence[str] = ()
    engages: Sequence[str] = ()


def draw(scope: Scope, provider: ProviderFile) -> None:
    """The fields of a new draft, and the button that saves it."""
    form = actions.Form(scope, "notices.draft", own=True)
    drafted = fields(form, provider.agreement)
    form.button("Save the draft", drafted, icon=":material/save:")


def fields(
    form: actions.Form, agreement: Agreement, base: DraftChange | None = None
) -> Callable[[], DraftChange]:
    """The fields that fit the kind of change, and what they describe once it is sent.

    `base`: what they say at first, of a draft that is worked over or a notice that is corrected.
    """
    base = base or DraftChange("addition")
    _at_first(form, "kind", base.kind)
    kind = st.selectbox(
        **form.field("kind", "What is to change"),
        options=list(KIND_NAMES),
        format_func=lambda c: KIND_NAMES[c],
    )
    old = _about(form, kind, agreement, base)
    feature = _feature(form, agreement, base) if kind == "new_feature" else _Feature()
    new = kind in ("addition", "core_addition", "replacement") or (
        kind == "new_feature"
        and st.checkbox(
            "A sub-processor that is new to the list serves it",
            value=bool(base.name),
            key=form.key("with_new"),
        )
    )
    name, purpose = _named(form, base) if new else ("", "")
    serves_too: list[str] = []
    if kind == "addition":
        names = _features(agreement)
        serves_too = _chosen(form, "features", "Features it serves", names, at_first=base.features)
    elif kind == "extension" and old:
        serves_too, purpose = _further(form, old, agreement, base)
    same = old if kind == "change" else None
    where = _where(form, agreement, same, base) if new or kind == "change" else _Where()
    taken_over = kind == "removal" and st.checkbox(
        "We do its work ourselves from then on, where nobody else on the list does it",
        value=base.taken_over,
        key=form.key("taken_over"),
    )
    _at_first(form, "reason", base.reason)
    reason = st.text_area(**form.field("reason", "Reason, as customers will read it"))
    return lambda: DraftChange(
        kind=kind,
        replaces=old.id if old else None,
        name=name,
        purpose=purpose,
        features=tuple(serves_too),
        places=tuple(where.places),
        new_place=where.new_place,
        mechanisms=tuple(where.mechanisms),
        reason=reason,
        draft=base.draft,
        uses=where.uses,
        module=where.module,
        covered=where.covered,
        derogation=where.derogation,
        feature_name=feature.name,
        feature_purpose=feature.purpose,
        data_categories=tuple(feature.data_categories),
        engages=tuple(feature.engages),
        taken_over=taken_over,
    )


def _at_first(form: actions.Form, name: str, value: object) -> None:
    """What a field says before anybody has typed in it."""
    if value and name not in form.draft.known.content:
        st.session_state.setdefault(form.key(name), value)


def _about(
    form: actions.Form, kind: ChangeKind, agreement: Agreement, base: DraftChange
) -> SubProcessor | None:
    """The one on the list that the change is about."""
    if kind not in _ABOUT:
        return None
    names = {s.id: s.name for s in agreement.sub_processors}
    _at_first(form, "replaces", base.replaces if base.replaces in names else None)
    chosen = st.selectbox(
        **form.field("replaces", _ABOUT[kind]), options=list(names), format_func=lambda id: names[id]
    )
    return agreement.sub_processor(chosen) if chosen else None


def _named(form: actions.Form, base: DraftChange) -> tuple[str, str]:
    left, right = st.columns(2)
    _at_first(form, "name", base.name)
    _at_first(form, "purpose", base.purpose)
    name = left.text_input(**form.field("name", "Name of the new sub-processor"))
    return name, right.text_input(**form.field("purpose", "Purpose"))


def _features(agreement: Agreement) -> dict[str, str]:
    return {f.id: f.name for f in agreement.features}


def _further(
    form: actions.Form, old: SubProcessor, agreement: Agreement, base: DraftChange
) -> tuple[list[str], str]:
    """What one on the list is to be used for besides. A core one serves every customer already."""
    features: list[str] = []
    if old.kind == "optional":
        names = {id: name for id, name in _features(agreement).items() if id not in old.features}
        features = _chosen(form, "features", "Further features it serves", names, old.id, base.features)
    note("It is used for: {}", old.purpose)
    _at_first(form, "purpose", base.purpose if base.kind == "extension" else "")
    return features, st.text_input(**form.field("purpose", "Further purpose"))


def _feature(form: actions.Form, agreement: Agreement, base: DraftChange) -> _Feature:
    """Clause: Sch. 2 2.2"""
    left, right = st.columns(2)
    _at_first(form, "feature_name", base.feature_name)
    _at_first(form, "feature_purpose", base.feature_purpose)
    name = left.text_input(**form.field("feature_name", "Name of the new feature"))
    purpose = right.text_input(**form.field("feature_purpose", "What it does"))
    categories = {c.id: c.name for c in agreement.data_categories}
    touches, at_first = "Data categories it touches", base.data_categories
    chosen = _chosen(form, "data_categories", touches, categories, at_first=at_first)
    note("Customers see them as your reading: the agreement does not say what a feature touches.")
    optional = {s.id: s.name for s in agreement.sub_processors if s.kind == "optional"}
    label = "Sub-processors on the list that it engages"
    engages = _chosen(form, "engages", label, optional, at_first=base.engages)
    return _Feature(name, purpose, chosen, engages)


# --- places and mechanisms -----------------------------------------------------------------------


def _where(form: actions.Form, agreement: Agreement, same: SubProcessor | None, base: DraftChange) -> _Where:
    """`same`: the one on the list that goes on, whose places and mechanisms stand as long as none is changed.

    Clause: 3.1(vii)
    """
    offered = {p.id: p for p in (*agreement.places, *places_offered(agreement))}
    of = same.id if same else ""
    before = list(base.places)
    if same and not (before or base.new_place):
        before = list(dict.fromkeys(at.place for at in same.locations))
    names = {id: p.name for id, p in offered.items()}
    places = _chosen(form, "places", "Places", names, of, before)
    left, right = st.columns(2, vertical_alignment="bottom")
    region, outside_then = base.new_place or ("", True)
    _at_first(form, "new_place", region)
    other = left.text_input(
        **form.field("new_place", "Another place (optional)"), help="A region that is no country."
    ).strip()
    third = right.checkbox("It lies outside the EU and EEA", value=outside_then, key=form.key("third"))
    found = [offered[id] for id in places]
    uses = {p.id: _uses(form, p.id, p.name, same, base) for p in found}
    if other:
        found.append(Place(id=NEW_PLACE, name=other, third_country=third))
        uses[NEW_PLACE] = _uses(form, NEW_PLACE, other, None, base)
    outside = [p for p in found if p.third_country]
    rests_on = _rests_on(form, outside, agreement, same, base) if outside else _Where()
    return _Where(
        places,
        (other, third) if other else None,
        uses,
        rests_on.mechanisms,
        rests_on.module,
        rests_on.covered,
        rests_on.derogation,
    )


def _uses(
    form: actions.Form, id: str, name: str, same: SubProcessor | None, base: DraftChange
) -> tuple[Role, ...]:
    """What happens at a place: as it was, for one that the entry has already."""
    was: list[str] = list(base.uses.get(id, ()))
    was = was or ([at.role for at in same.locations if at.place == id] if same else [])
    of = f"{same.id if same else ''}.{id}"
    roles = {str(role): text for role, text in _HAPPENS.items()}
    chosen = _chosen(form, "uses", f"What happens in {name}", roles, of, was or ["processing"])
    return tuple(role for role in _HAPPENS if role in chosen)


def _rests_on(
    form: actions.Form,
    outside: Sequence[Place],
    agreement: Agreement,
    same: SubProcessor | None,
    base: DraftChange,
) -> _Where:
    """What makes the transfers lawful, and what supplements that. Clause: 3.1(vii)"""
    _decisions(outside, agreement)
    of, before = (same.id, same.mechanisms) if same else ("", ())
    before = base.mechanisms or before
    kinds = {m.id: m.kind for m in agreement.mechanisms}
    codes = {m.id: f"{m.code}: {m.name}" for m in agreement.mechanisms}
    instruments = {id: text for id, text in codes.items() if kinds[id] != "supplement"}
    supplements = {id: text for id, text in codes.items() if kinds[id] == "supplement"}
    left, right = st.columns(2)
    with left:
        chosen = _chosen(
            form,
            "mechanisms",
            "What makes the transfer lawful",
            instruments,
            of,
            [id for id in before if id in instruments],
        )
    with right:
        added = _chosen(
            form,
            "supplements",
            "What supplements it",
            supplements,
            of,
            [id for id in before if id in supplements],
        )
    module, derogation = _details(form, chosen, agreement, base)
    return _Where(
        mechanisms=[*chosen, *added],
        module=module,
        covered=_covered(form, outside, chosen, agreement, base),
        derogation=derogation,
    )


def _decisions(outside: Sequence[Place], agreement: Agreement) -> None:
    """What the Commission has decided on each place. Standard: Art. 45 GDPR"""
    law, lines = agreement.chapter_v, []
    for place in outside:
        decision = decision_for(place, law)
        if decision is None:
            lines.append(md("{}: no adequacy decision", place.name))
            continue
        until = f", until {words.day(decision.expires)}" if decision.expires else ""
        scope = f", for {decision.scope} only" if decision.scope else ""
        adopted = words.day(decision.adopted)
        lines.append(
            md("{}: adequacy decision {} of {}{}{}", place.name, decision.decision, adopted, until, scope)
        )
    lines.append(md("As the law stood on {}.", words.day(law.checked)))
    st.caption(words.lines(lines, "  \n"))


def _details(
    form: actions.Form, chosen: Sequence[str], agreement: Agreement, base: DraftChange
) -> tuple[int | None, str]:
    """The module of the standard contractual clauses, and the reason of a derogation, if chosen."""
    module, derogation = None, ""
    for m in (agreement.mechanism(id) for id in chosen):
        if m.modules:
            first = [m.usual_module] if m.usual_module else []
            modules = list(dict.fromkeys((*first, *m.modules)))  # the first is chosen until another is
            _at_first(form, "module", base.module if base.module in modules else None)
            module = st.selectbox(**form.field("module", "Module of the clauses"), options=modules)
        if m.kind == "derogation":
            _at_first(form, "derogation", base.derogation)
            derogation = st.text_input(
                **form.field("derogation", "Reason under Art. 49 GDPR"),
                help="As “explicit consent of the data subjects”. For single transfers only.",
            )
    return module, derogation


def _covered(
    form: actions.Form,
    outside: Sequence[Place],
    chosen: Sequence[str],
    agreement: Agreement,
    base: DraftChange,
) -> bool:
    """A box to tick where an adequacy decision that is relied on is for some receivers only."""
    law = agreement.chapter_v
    adequate = [m for m in (agreement.mechanism(id) for id in chosen) if m.kind == "adequacy"]
    scopes = [
        decision.scope
        for place in outside
        if (decision := decision_for(place, law)) and any(serves(m, place, law) for m in adequate)
        if decision.scope
    ]
    if not scopes:
        return False
    label = f"The receiver is one of the {words.listed(scopes)}"
    form.labels["covered"] = label
    return st.checkbox(words.plain(label), value=base.covered, key=form.key("covered"))


def _chosen(
    form: actions.Form,
    field: str,
    label: str,
    names: Mapping[str, str],
    of: str = "",
    at_first: Sequence[str] = (),
) -> list[str]:
    """Some of `names`. `of`: what the choice is about, so that each has its own; `at_first`: what stands."""
    name = f"{field}.{of}" if of else field
    form.labels[field] = label
    _at_first(form, name, [id for id in at_first if id in names])
    return st.multiselect(**form.field(name, label), options=list(names), format_func=lambda id: names[id])
