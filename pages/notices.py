"""Changes to the list of sub-processors: notices, objections, and the provider's drafts.

Clauses: Sch. 2 1.1, Sch. 2 1.2, 3.1(v), 3.1(vi)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dpa_core.agreement import Agreement, SubProcessor
from dpa_core.office import ProviderFile
from dpa_core.subjects import sub_processors
from dpa_core.subjects.sub_processors import KIND_NAMES, Change, Draft, Standing
from dpa_core.views import notices
from dpa_core.views.notices import Effect, Notice
from pages.parts import show, steps, words
from pages.parts.scope import Scope, current

_STANDING: dict[Standing, tuple[str, str]] = {
    "may be objected to": (":material/mark_email_unread:", "orange"),
    "accepted by silence": (":material/check_circle:", "green"),
    "objected": (":material/front_hand:", "red"),
    "cure proposed": (":material/healing:", "orange"),
    "resolved": (":material/handshake:", "green"),
    "unresolved": (":material/warning:", "red"),
    "objection withdrawn": (":material/undo:", "gray"),
    "affected features ended": (":material/toggle_off:", "gray"),
    "withdrawn by the provider": (":material/cancel:", "gray"),
    "for information": (":material/info:", "blue"),
}


@dataclass(frozen=True)
class Data:
    """What the page shows: the customer's notices, and the provider's own matters for its officer."""

    notices: list[Notice]
    provider: ProviderFile | None


def read(scope: Scope) -> Data:
    """The notices, newest first, and the drafts where the person may see them."""
    file = scope.file
    own = scope.office.open_provider(file.person) if file.allows("govern") else None
    return Data(notices.notices(file), own)


def draw(scope: Scope, data: Data) -> None:
    """The page."""
    file, agreement = scope.file, scope.file.agreement
    days = agreement.term("objection_period").value
    show.header(
        "Sub-processor changes",
        f"What is to change on the list of sub-processors, and what that means for you. You can object "
        f"within {days} days of a notice; without an objection the change counts as accepted.",
        file,
    )
    if not file.allows("respond"):
        show.read_only(file)
    if data.provider:
        mine, own = st.tabs([f"Notices to {words.plain(file.name)}", "Drafts and publishing"])
        with mine:
            _notices(scope, data)
        with own:
            _drafts(scope, data.provider)
    else:
        _notices(scope, data)
    clauses = (sub_processors.CLAUSE, sub_processors.OBJECTION_CLAUSE, "3.1(v)", sub_processors.CURE_CLAUSE)
    show.clauses(clauses, agreement)
    _dialogs(scope, data)
    steps.saw(scope, data.provider)


# --- a customer's notices ------------------------------------------------------------------------


def _notices(scope: Scope, data: Data) -> None:
    if not data.notices:
        st.markdown(":material/task_alt: No change was announced.")
    for notice in data.notices:
        _notice(scope, notice)


def _notice(scope: Scope, notice: Notice) -> None:
    file, p = scope.file, notice.published
    icon, color = _STANDING[notice.standing]
    with st.container(border=True, key=f"notice_{p.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader(words.plain(sub_processors.title(p.change)), anchor=False)
            st.badge(notice.standing.capitalize(), icon=icon, color=color)
        counts = "counts since" if file.now >= p.effective_at else "counts from"
        if p.withdrawn_at:
            st.markdown(f":material/cancel: Withdrawn on {words.day(p.withdrawn_at)}; it will not come.")
            show.quoted(p.withdrawal)
        else:
            st.markdown(
                f":material/event: Notice of {words.day(p.at)}; {counts} "
                f"**{words.day(p.effective_on)}** ({words.distance(p.effective_at, file.now)})."
            )
        st.markdown(_for_you(notice.effect, p.change))
        _entries(notice.effect, file.version(file.agreement.version, p.effective_at))
        if p.change.reason:
            st.caption("The provider’s reason")
            show.quoted(p.change.reason)
        _where_it_stands(scope, notice)


def _for_you(effect: Effect, change: Change) -> str:
    """What changes for the customer's own configuration."""
    if effect.core:
        return ":material/priority_high: **This touches you:** it is part of the core service."
    if not effect.features:
        return ":material/task_alt: **Nothing changes for you:** you use none of the features it serves."
    names = words.listed([f.name for f in effect.features])
    new, old = effect.after.name if effect.after else "", effect.before.name if effect.before else ""
    what = {
        "addition": f"{new} comes in beside the others",
        "replacement": f"{new} takes the place of {old}",
        "removal": f"{old} goes",
        "change": f"{new} works in another place or under another mechanism",
    }[change.kind]
    return f":material/priority_high: **This touches you:** you use {names}; {words.plain(what)}."


def _entries(effect: Effect, agreement: Agreement) -> None:
    left, right = st.columns(2)
    with left:
        _entry("Now", effect.before, agreement)
    with right:
        _entry("Then", effect.after, agreement)
    if effect.transfers:
        places = words.listed([t.place.name for t in effect.transfers])
        st.markdown(f":material/public: Transfers outside the EU and EEA: {words.plain(places)}.")


def _entry(label: str, s: SubProcessor | None, agreement: Agreement) -> None:
    st.caption(label)
    if s is None:
        st.markdown("Not on the list")
        return
    serves = words.listed([agreement.feature(f).name for f in s.features]) or "Core service"
    st.markdown(
        f"**{words.plain(s.name)}** · {words.plain(s.purpose)}  \n{words.plain(show.places(s, agreement))} · "
        f"{show.mechanisms(s, agreement)}  \n{serves}"
    )


def _where_it_stands(scope: Scope, notice: Notice) -> None:
    file, p, o = scope.file, notice.published, notice.objection
    days = file.agreement.term("objection_resolution").value
    if notice.standing == "may be objected to":
        steps.due(notice.objection_ends, file.now)
        st.caption("Silence until then counts as acceptance.")
        if file.allows("instruct"):
            steps.open_button("Object", f"notices.object.{p.id}", icon=":material/front_hand:")
    if o is None:
        return
    with st.container(border=True, gap="xsmall"):
        st.markdown(f":material/front_hand: **Objection** of {words.minute(o.at)}, by {words.address(o.by)}")
        st.text(o.grounds)
        steps.files(scope, o.files, f"objection.{p.id}")
    steps.conversation(scope, o.said, f"cure.{p.id}")
    if notice.standing in ("objected", "cure proposed") and notice.resolution_ends:
        steps.due(notice.resolution_ends, file.now)
        st.caption(
            f"Both sides look for a way out for {days} days. The agreement does not say that an objection "
            "delays the change."
        )
    if notice.standing == "unresolved":
        st.markdown(
            f":material/warning: {days} days passed without a way out. Either side may end the features it "
            "touches, without liability for that; all others stay."
        )
    _steps(scope, notice)


def _steps(scope: Scope, notice: Notice) -> None:
    file, id = scope.file, notice.published.id
    customer, provider = file.allows("instruct"), file.allows("respond")
    if notice.standing not in ("objected", "cure proposed", "unresolved"):
        return
    with st.container(horizontal=True):
        waits = notice.objection is not None and notice.objection.cure_waits
        if customer and waits:
            steps.open_button("Answer the cure", f"notices.answer.{id}", primary=True)
        if provider:
            steps.open_button("Propose a cure", f"notices.cure.{id}", primary=not waits)
        if (customer or provider) and notice.standing == "unresolved" and notice.effect.features:
            steps.open_button("End the affected features", f"notices.end.{id}")
        if customer:
            steps.open_button("Withdraw the objection", f"notices.back.{id}")


# --- dialogs over a notice -----------------------------------------------------------------------

Fields = Callable[[str], Callable[[], sub_processors.Command]]


def _object(scope: Scope, notice: Notice) -> tuple[str, Fields]:
    days = scope.file.agreement.term("objection_resolution").value

    def fields(k: str) -> Callable[[], sub_processors.Command]:
        st.markdown(
            f"The provider hears of it at once and may propose a cure. After {days} days without a way out, "
            "either side may end the features concerned."
        )
        grounds = st.text_area(
            "Grounds", key=f"{k}.grounds", help="Reasonable and documented, relating to data protection."
        )
        relates = st.checkbox("These grounds relate to data protection.", key=f"{k}.relates")
        chosen = steps.uploads(scope, f"{k}.files", "Documents (optional)")
        return lambda: sub_processors.Object(
            notice.published.id, grounds, relates, steps.attach(scope, chosen)
        )

    return "Object", fields


def _cure(scope: Scope, notice: Notice) -> tuple[str, Fields]:
    def fields(k: str) -> Callable[[], sub_processors.Command]:
        st.markdown("How to cure an objection is the provider’s choice. The customer accepts it or not.")
        text = st.text_area("Proposed cure", key=f"{k}.text")
        chosen = steps.uploads(scope, f"{k}.files")
        return lambda: sub_processors.ProposeCure(notice.published.id, text, steps.attach(scope, chosen))

    return "Propose", fields


def _answer(scope: Scope, notice: Notice) -> tuple[str, Fields]:
    def fields(k: str) -> Callable[[], sub_processors.Command]:
        if notice.objection:
            show.quoted(notice.objection.said[-1].text)
        choice = st.radio("Your answer", ["Accept it: resolved", "Do not accept"], key=f"{k}.take")
        text = st.text_area("Why (needed where you do not accept)", key=f"{k}.text")
        return lambda: sub_processors.AnswerCure(notice.published.id, choice.startswith("Accept"), text)

    return "Answer", fields


def _end(scope: Scope, notice: Notice) -> tuple[str, Fields]:
    def fields(k: str) -> Callable[[], sub_processors.Command]:
        names = words.listed([f.name for f in notice.effect.features])
        st.markdown(
            f":material/toggle_off: **{names}** will be switched off at once. All else stays as it is. "
            "Neither side is liable for damages from this alone."
        )
        reason = st.text_area("Reason (optional)", key=f"{k}.reason")
        return lambda: sub_processors.EndFeatures(notice.published.id, reason)

    return "End these features", fields


def _back(scope: Scope, notice: Notice) -> tuple[str, Fields]:
    def fields(k: str) -> Callable[[], sub_processors.Command]:
        st.markdown("The change counts as accepted. You cannot object to it again.")
        reason = st.text_area("Reason (optional)", key=f"{k}.reason")
        return lambda: sub_processors.WithdrawObjection(notice.published.id, reason)

    return "Withdraw the objection", fields


_STEPS: dict[str, Callable[[Scope, Notice], tuple[str, Fields]]] = {
    "object": _object,
    "cure": _cure,
    "answer": _answer,
    "end": _end,
    "back": _back,
}


def _dialogs(scope: Scope, data: Data) -> None:
    name = steps.opened()
    if name is None or not name.startswith("notices."):
        return
    _, step, id = name.split(".")
    if data.provider and step in _OWN_STEPS:
        label, own = _OWN_STEPS[step](scope, data.provider, int(id))
        steps.own_dialog(scope, name, "Change to the list of sub-processors", label, own)
        return
    notice = next((n for n in data.notices if n.published.id == int(id)), None)
    if notice:
        label, fields = _STEPS[step](scope, notice)
        steps.dialog(scope, name, sub_processors.title(notice.published.change), label, fields)


# --- the provider's drafts -----------------------------------------------------------------------


def _drafts(scope: Scope, provider: ProviderFile) -> None:
    state = provider.state.sub_processors
    with st.expander("Draft a change", icon=":material/edit_note:", expanded=not state.drafts):
        _draft_form(scope, provider)
    st.subheader("Drafts", anchor=False)
    if not state.drafts:
        st.markdown("No draft is in the making. Customers see nothing of a draft.")
    for draft in state.drafts.values():
        _draft(provider, draft)
    st.subheader("Published", anchor=False)
    if not state.published:
        st.markdown("Nothing was published yet.")
    for p in sorted(state.published.values(), key=lambda p: -p.id):
        with st.container(border=True, key=f"published_{p.id}"):
            st.markdown(f"**{words.plain(sub_processors.title(p.change))}**")
            if p.withdrawn_at:
                st.badge(f"Withdrawn {words.day(p.withdrawn_at)}", icon=":material/cancel:", color="gray")
                continue
            counts = provider.now >= p.effective_at
            label = f"{'Counts since' if counts else 'Counts from'} {words.day(p.effective_on)}"
            icon = ":material/check_circle:" if counts else ":material/schedule:"
            st.badge(label, icon=icon, color="green" if counts else "blue")
            st.caption(f"Published {words.minute(p.at)}, by {words.address(p.by)}")
            if not counts:
                steps.open_button("Withdraw it", f"notices.takeback.{p.id}")


def _draft(provider: ProviderFile, draft: Draft) -> None:
    with st.container(border=True, key=f"draft_{draft.id}"):
        st.markdown(f"**{words.plain(sub_processors.title(draft.change))}**")
        after = sub_processors.applied(draft.change, provider.agreement)
        _entries(notices.effect(draft.change, frozenset(), provider.agreement), after)
        _touched(provider, draft.change, f"draft_{draft.id}")
        with st.container(horizontal=True):
            steps.open_button(
                "Publish", f"notices.publish.{draft.id}", icon=":material/campaign:", primary=True
            )
            steps.open_button("Discard", f"notices.discard.{draft.id}")


def _touched(provider: ProviderFile, change: Change, key: str) -> None:
    found = notices.touched(provider, change)
    ids = sub_processors.features_of(change, provider.agreement)
    names = words.listed([provider.agreement.feature(f).name for f in ids]) or "the core service"
    st.markdown(f":material/groups: Touches {names}, in use by **{words.count(len(found), 'customer')}**.")
    if found:
        with st.expander("Which customers"):
            rows = [
                {"Customer": name, "Features": ", ".join(used) or "Core service"} for _, name, used in found
            ]
            st.dataframe(rows, hide_index=True, key=f"{key}.touched")


def _draft_form(scope: Scope, provider: ProviderFile) -> None:
    agreement, k = provider.agreement, steps.turn("notices.draft")
    kind = st.selectbox(
        "What is to change", list(KIND_NAMES), format_func=lambda c: KIND_NAMES[c], key=f"{k}.kind"
    )
    replaces, name, purpose = None, "", ""
    serves: list[str] = []
    if kind != "addition":
        names = {s.id: s.name for s in agreement.sub_processors}
        label = {"replacement": "Which one is replaced", "removal": "Which one goes", "change": "Which one"}[
            kind
        ]
        replaces = st.selectbox(label, list(names), format_func=lambda id: names[id], key=f"{k}.replaces")
    if kind in ("addition", "replacement"):
        left, right = st.columns(2)
        name = left.text_input("Name of the new sub-processor", key=f"{k}.name")
        purpose = right.text_input("Purpose", key=f"{k}.purpose")
    if kind == "addition":
        titles = {f.id: f.name for f in agreement.features}
        serves = st.multiselect(
            "Features it serves", list(titles), format_func=titles.get, key=f"{k}.features"
        )
    places: list[str] = []
    mechanisms: list[str] = []
    new_place: tuple[str, bool] | None = None
    if kind != "removal":
        named = {p.id: p.name for p in agreement.places}
        places = st.multiselect("Places of processing", list(named), format_func=named.get, key=f"{k}.places")
        left, right = st.columns(2, vertical_alignment="bottom")
        other = left.text_input("Another place (optional)", key=f"{k}.new_place")
        third = right.checkbox("It lies outside the EU and EEA", key=f"{k}.third")
        new_place = (other, third) if other.strip() else None
        codes = {m.id: f"{m.code}: {m.name}" for m in agreement.mechanisms}
        mechanisms = st.multiselect(
            "Transfer mechanisms", list(codes), format_func=codes.get, key=f"{k}.mechanisms"
        )
    reason = st.text_area("Reason, as customers will read it", key=f"{k}.reason")
    if st.button("Save the draft", type="primary", key=f"{k}.send", icon=":material/save:"):
        steps.govern(
            scope,
            "notices.draft",
            lambda: sub_processors.DraftChange(
                kind,
                replaces,
                name,
                purpose,
                tuple(serves),
                tuple(places),
                new_place,
                tuple(mechanisms),
                reason,
            ),
        )


OwnFields = Callable[[str], Callable[[], sub_processors.ProviderCommand]]


def _publish(scope: Scope, provider: ProviderFile, id: int) -> tuple[str, OwnFields]:
    def fields(k: str) -> Callable[[], sub_processors.ProviderCommand]:
        draft = provider.state.sub_processors.drafts[id]
        soonest = sub_processors.earliest(provider.agreement, provider.now)
        st.markdown(f"**{words.plain(sub_processors.title(draft.change))}**")
        st.markdown(
            f"Every customer gets a notice now. It can count from **{words.day(soonest)}** at the earliest, "
            "however urgent it is."
        )
        _touched(provider, draft.change, k)
        day = st.date_input("Counts from", value=soonest, key=f"{k}.day", format="YYYY-MM-DD")
        return lambda: sub_processors.PublishChange(id, day)

    return "Publish to all customers", fields


def _discard(scope: Scope, provider: ProviderFile, id: int) -> tuple[str, OwnFields]:
    def fields(k: str) -> Callable[[], sub_processors.ProviderCommand]:
        st.markdown("The draft goes. No customer has seen it.")
        return lambda: sub_processors.DiscardDraft(id)

    return "Discard the draft", fields


def _take_back(scope: Scope, provider: ProviderFile, id: int) -> tuple[str, OwnFields]:
    def fields(k: str) -> Callable[[], sub_processors.ProviderCommand]:
        st.markdown("The list stays as it is. Customers see that the change was withdrawn, and why.")
        reason = st.text_area("Reason", key=f"{k}.reason")
        return lambda: sub_processors.WithdrawChange(id, reason)

    return "Withdraw the change", fields


_OWN_STEPS: dict[str, Callable[[Scope, ProviderFile, int], tuple[str, OwnFields]]] = {
    "publish": _publish,
    "discard": _discard,
    "takeback": _take_back,
}


draw(current(), read(current()))
