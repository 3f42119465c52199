"""Changes to the list of sub-processors: notices, objections, and the provider's drafts.

Clauses: Sch. 2 1.1, Sch. 2 1.2, 3.1(v), 3.1(vi)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal

import streamlit as st

from dpa_core.agreement import Agreement, SubProcessor
from dpa_core.application import CustomerFile, ProviderFile
from dpa_core.subjects import features, objections, policies, sub_processors
from dpa_core.subjects.features import SetFeatures
from dpa_core.subjects.objections import Standing
from dpa_core.subjects.sub_processors import Change, Draft, Published
from dpa_core.subjects.subject import Command
from dpa_core.views import notices
from dpa_core.views.notices import Effect, Notice
from pages.parts import actions, change_form, consequences, customers, show, steps, words
from pages.parts.scope import Scope
from pages.parts.words import md, note, say

_STANDING: dict[Standing, show.Look] = {
    "may_object": (":material/mark_email_unread:", "orange"),
    "accepted_by_silence": (":material/check_circle:", "green"),
    "objected": (":material/front_hand:", "red"),
    "cure_proposed": (":material/healing:", "orange"),
    "resolved": (":material/handshake:", "green"),
    "unresolved": (":material/warning:", "red"),
    "objection_withdrawn": (":material/undo:", "gray"),
    "features_ended": (":material/toggle_off:", "gray"),
    "agreement_ended": (":material/toggle_off:", "gray"),
    "cured": (":material/healing:", "green"),
    "nothing_to_end": (":material/task_alt:", "gray"),
    "on_the_list_before": (":material/info:", "gray"),
    "withdrawn_by_provider": (":material/cancel:", "gray"),
    "for_information": (":material/info:", "blue"),
}
_STATUS: dict[sub_processors.Status, show.Look] = {
    "draft": (":material/edit_note:", "gray"),
    "coming": (":material/schedule:", "blue"),
    "counts": (":material/check_circle:", "green"),
    "withdrawn": (":material/cancel:", "gray"),
}

Kind = Literal["primary", "secondary"]


@dataclass(frozen=True)
class Data:
    """What the page shows: the customer's notices, and the provider's own ledger for its officer."""

    notices: list[Notice]
    provider: ProviderFile | None


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """The notices, newest first, and the drafts where the person may see them."""
    return Data(notices.notices(scope.file), scope.provider())


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    file, agreement = scope.file, scope.file.agreement
    days = agreement.term("objection_period").value
    show.header(
        "Sub-processor changes",
        f"What is to change on the list of sub-processors, and what that means for you. You can object to an "
        f"addition or replacement within {days} days of its notice; without an objection it counts as "
        f"accepted.",
        file,
    )
    if not file.allows("respond"):
        show.read_only(file)
    sides = {f"Notices to {file.name}": partial(_notices, scope, data)}
    if data.provider:
        sides["Drafts and publishing"] = partial(_drafts, scope, data.provider)
    show.sides(sides)
    clauses = (sub_processors.CLAUSE, objections.CLAUSE, "3.1(v)", objections.CURE_CLAUSE)
    show.clauses(clauses, agreement)
    actions.drawn(scope, data.provider)


# --- a customer's notices ------------------------------------------------------------------------


def _notices(scope: Scope, data: Data) -> None:
    if not data.notices:
        st.markdown(":material/task_alt: No change was announced.")
    for notice in data.notices:
        _notice(scope, notice)


def _notice(scope: Scope, notice: Notice) -> None:
    file, p = scope.file, notice.published
    with st.container(border=True, key=f"notice_{p.id}"):
        standing = show.Status(objections.STANDING[notice.standing], _STANDING[notice.standing])
        show.heading(p.change.title, standing)
        if p.withdrawn_at:
            say(":material/cancel: Withdrawn on {}; it will not come.", words.day(p.withdrawn_at))
            show.quoted(p.withdrawal)
        else:
            say(
                ":material/event: Notice of {}; {} **{}** ({}).",
                words.day(notice.told_at),
                _counts(notice, file.now),
                words.day(notice.counts_at),
                words.distance(notice.counts_at, file.now),
            )
        if p.correction:
            say(":material/edit: Sent again with a correction; first sent {}.", words.day(p.first_at or p.at))
            show.quoted(p.correction)
        st.markdown(_for_you(notice, file))
        _entries(notice.effect, _labels(notice, file))
        _new_feature(p.change, notice.effect.then)
        if p.change.taken_over:
            say(":material/home_work: {} does this work itself from then on.", file.agreement.processor.name)
        if p.change.reason:
            st.caption("The provider’s reason")
            show.quoted(p.change.reason)
        _where_it_stands(scope, notice)


def _counts(notice: Notice, now: datetime) -> str:
    """`counts from`, `counts since`, or that it counts for others only; the day follows."""
    came = notice.counts_at <= now
    if notice.held_back:
        return (
            "not for you, as you object; for others since" if came else "held back for you; for others from"
        )
    return "counts since" if came else "counts from"


def _labels(notice: Notice, file: CustomerFile) -> tuple[str, str]:
    """What stands above the entry before the change, and above that after it."""
    if notice.held_back:
        return "Kept for you", "Not for you"
    return (
        ("Before", "Now")
        if notice.counts_at <= file.now and not notice.published.withdrawn_at
        else ("Now", "Then")
    )


def _for_you(notice: Notice, file: CustomerFile) -> words.Markdown:
    """What changes, or changed, for the customer's own configuration."""
    effect, objection = notice.effect, notice.objection
    if effect.core:
        return md(":material/priority_high: **This touches you:** it is part of the core service.")
    if objection and objection.ended:
        names = {f.id: f.name for f in file.agreement.features}
        ended = words.listed([names.get(f, f) for f in objection.ended])
        return md(":material/toggle_off: **This touched you:** {} ended over it.", ended)
    if notice.published.change.feature and not effect.features:
        return md(
            ":material/task_alt: **Nothing changes for you unless you switch {} on,** once it is there.",
            notice.published.change.feature.name,
        )
    if not effect.features:
        return md(":material/task_alt: **Nothing changes for you:** you use none of the features it serves.")
    names_on = words.listed([f.name for f in effect.features])
    if notice.standing in objections.OPEN and objection and objection.not_held_back:
        stops = "do not run" if notice.counts_at <= file.now else "will not run from that day"
        return md(
            ":material/pause_circle: **This touches you:** {} {} until the matter is settled, as the "
            "change cannot be held back for you.",
            names_on,
            stops,
        )
    return md(
        ":material/priority_high: **This touches you:** you use {}; {}.", names_on, _what(notice, file.now)
    )


def _what(notice: Notice, now: datetime) -> words.Markdown:
    """What the change does to the features, in a half sentence."""
    effect, came = notice.effect, notice.counts_at <= now
    new, old = effect.after.name if effect.after else "", effect.before.name if effect.before else ""
    if notice.held_back:
        return md("for you {} stays", old) if old else md("{} stays away", new)
    match notice.published.change.kind:
        case "addition":
            return md("{} {} beside the others", new, "came in" if came else "comes in")
        case "core_addition":
            return md("{} {} for every customer", new, "came in" if came else "comes in")
        case "extension":
            return md("{} {} used for more", new, "is" if came else "will be")
        case "new_feature":
            return md("you have switched it on")
        case "replacement":
            return md("{} {} the place of {}", new, "took" if came else "takes", old)
        case "removal":
            return md("{} {}", old, "is gone" if came else "goes")
        case _:
            return md("the entry of {} {}", new, "changed" if came else "changes")


def _new_feature(change: Change, agreement: Agreement) -> None:
    """The optional feature that comes with a change. `agreement`: with the change. Clause: Sch. 2 2.2"""
    if change.feature is None:
        return
    feature = change.feature
    engaged = words.listed([s.name for s in agreement.sub_processors if feature.id in s.features])
    categories = words.listed([agreement.data_category(c).name for c in feature.data_categories])
    say(
        ":material/new_releases: **{}**, off until somebody switches it on. {}", feature.name, feature.purpose
    )
    say("It engages {}. Data categories: {}.", engaged, categories)
    st.caption("The categories are the provider’s reading: the agreement does not name any for a feature.")


def _entries(effect: Effect, labels: tuple[str, str] = ("Now", "Then")) -> None:
    if effect.before is None and effect.after is None:
        return
    left, right = st.columns(2)
    with left:
        _entry(labels[0], effect.before, effect.then)
    with right:
        _entry(labels[1], effect.after, effect.then)
    if effect.transfers:
        places = words.listed([t.place.name for t in effect.transfers])
        say(":material/public: Transfers outside the EU and EEA: {}.", places)


def _entry(label: str, s: SubProcessor | None, agreement: Agreement) -> None:
    st.caption(words.plain(label))
    if s is None:
        st.markdown("Not on the list")
        return
    serves = words.listed([agreement.feature(f).name for f in s.features]) or "Core service"
    say(
        "**{}** · {}  \n{} · {}  \n{}",
        s.name,
        s.purpose,
        show.places(s, agreement),
        show.mechanisms(s, agreement),
        serves,
    )


def _where_it_stands(scope: Scope, notice: Notice) -> None:
    file, p, o = scope.file, notice.published, notice.objection
    days = file.agreement.term("objection_resolution").value
    if notice.standing == "may_object":
        steps.due(notice.objection_ends, file.now, "Objections until")
        st.caption("Silence until then counts as acceptance.")
    if o:
        with st.container(border=True, gap="xsmall"):
            say(
                ":material/front_hand: **Objection** of {}, by {}",
                words.minute(o.at),
                words.person(file, o.by),
            )
            st.text(o.grounds)
            steps.files(scope, o.files, f"objection.{p.id}")
        steps.conversation(scope, o.said, f"cure.{p.id}")
    if notice.standing in ("objected", "cure_proposed") and notice.resolution_ends:
        steps.due(notice.resolution_ends, file.now, "A way out until")
        note(
            "Both sides look for a way out for {} days, counted from the objection by the provider’s own "
            "setting: the agreement does not say when they begin. That the change does not count for you "
            "meanwhile is our reading (Art. 28(2) GDPR, EDPB Guidelines 07/2020).",
            days,
        )
    if notice.standing == "unresolved":
        what = "the agreement" if p.change.core else "the features it touches; all others stay"
        say(
            ":material/warning: {} days passed without a way out. Either side may end {}. Neither is liable "
            "for damages from that alone.",
            days,
            what,
        )
    if notice.standing == "nothing_to_end":
        say(
            ":material/task_alt: {} days passed without a way out. None of the features it touches was on, "
            "so there is nothing to end. They can be switched on together with accepting the change.",
            days,
        )
    if notice.standing == "on_the_list_before":
        note("It counted already when {} came; it was on the list then.", file.name)
    if file.acts and notice.steps:
        _steps(scope, notice)


# --- dialogs over a notice -----------------------------------------------------------------------

Fields = Callable[[Notice, actions.Form], actions.Make]


def _steps(scope: Scope, notice: Notice) -> None:
    """A button for each step that fits, with its dialog."""
    awaited = objections.STAGES[notice.standing].waits_for in (scope.file.context.side, "both")
    with st.container(horizontal=True):
        for step in notice.steps:
            _step(scope, notice, step, "primary" if awaited and step is notice.steps[0] else "secondary")


def _step(scope: Scope, notice: Notice, step: type[Command], kind: Kind) -> None:
    """One button; the fields of its dialog are given the notice as it stands at that moment."""
    id = notice.published.id
    label, confirm, icon, fields = _DIALOGS[step]

    def drawn(form: actions.Form) -> actions.Make:
        now = next((n for n in notices.notices(form.file) if n.published.id == id), notice)
        return fields(now, form)

    dialog = actions.Dialog(notice.published.change.title, confirm, drawn, about=f"notices/{id}")
    actions.button(scope, label, f"notices.{step.__name__}.{id}", dialog, icon=icon, kind=kind)


def _object(notice: Notice, form: actions.Form) -> actions.Make:
    days = form.file.agreement.term("objection_resolution").value
    say(
        "The provider hears of it at once and may propose a cure. After {} days without a way out, "
        "either side may end {}. Until the matter is settled, the change does not count for you (our "
        "reading, Art. 28(2) GDPR).",
        days,
        "the agreement" if notice.published.change.core else "the features concerned",
    )
    st.caption(
        "That the days count from the objection, and that there is one objection to each change, is the "
        "provider’s own setting: the agreement says neither."
    )
    grounds = st.text_area(
        **form.field("grounds", "Grounds"), help="Reasonable and documented, relating to data protection."
    )
    relates = st.checkbox("These grounds relate to data protection.", key=form.key("relates"))
    chosen = steps.choose_files(form, "Documents (optional)")
    return lambda: objections.ObjectToChange(
        notice.published.id, grounds, relates, steps.attach(form.scope, chosen)
    )


def _cure(notice: Notice, form: actions.Form) -> actions.Make:
    st.markdown(
        "Whether and how to cure an objection is the provider’s discretion. The customer’s answer is kept."
    )
    text = st.text_area(**form.field("text", "Proposed cure"))
    chosen = steps.choose_files(form)
    return lambda: objections.ProposeCure(notice.published.id, text, steps.attach(form.scope, chosen))


def _answer(notice: Notice, form: actions.Form) -> actions.Make:
    if notice.objection and notice.objection.said:
        show.quoted(notice.objection.said[-1].text)
    say(
        "If you accept, the matter is settled and the change counts for you{}. If you do not, your objection "
        "stands; whether to carry the cure out stays at the provider’s discretion ({}).",
        md(" from {} on", words.day(notice.counts_at)) if notice.counts_at > form.file.now else "",
        objections.CURE_CLAUSE,
    )
    accept = st.radio(
        **form.field("accept", "Your answer"), options=list(_ANSWERS), format_func=lambda a: _ANSWERS[a]
    )
    text = st.text_area(**form.field("reason", "Why (needed where you do not accept)"))
    return lambda: objections.AnswerCure(notice.published.id, accept, text)


_ANSWERS = {True: "Accept it", False: "Do not accept it"}


def _carry_out(notice: Notice, form: actions.Form) -> actions.Make:
    st.markdown(
        "The objection counts as cured, and the change counts for the customer. What the customer said to it "
        "stays on record. A cure that does not hold can be reopened by the customer."
    )
    text = st.text_area(**form.field("text", "What was done"))
    chosen = steps.choose_files(form)
    return lambda: objections.CarryOutCure(notice.published.id, text, steps.attach(form.scope, chosen))


def _not_held_back(notice: Notice, form: actions.Form) -> actions.Make:
    names = words.listed([f.name for f in notice.effect.features])
    say(
        ":material/pause_circle: From {} on, {} {} not run for {} until the matter is settled. Without its "
        "acceptance nobody new may touch its data (our reading, Art. 28(2) GDPR).",
        words.day(notice.counts_at),
        names or "what the change touches",
        "do" if len(notice.effect.features) > 1 else "does",
        form.file.name,
    )
    reason = st.text_area(**form.field("reason", "Why it cannot be held back, as the customer will read it"))
    return lambda: objections.CannotHoldBack(notice.published.id, reason)


def _reopen(notice: Notice, form: actions.Form) -> actions.Make:
    days = form.file.agreement.term("objection_resolution").value
    say(
        "The objection stands again, the change does not count for you, and both sides look for a way out "
        "for another {} days.",
        days,
    )
    reason = st.text_area(**form.field("reason", "Why the cure does not hold"))
    return lambda: objections.ReopenObjection(notice.published.id, reason)


def _accept(notice: Notice, form: actions.Form) -> actions.Make:
    names = {f.id: f.name for f in form.file.agreement.features}
    ids = sorted(notice.published.change.serves)
    touched = words.listed([names.get(f, f) for f in ids])
    say(
        "The change counts as accepted. {} can be switched on again; nothing is switched on by this.", touched
    )
    reason = st.text_area(**form.field("reason", "Reason (optional)"))
    return lambda: objections.AcceptChange(notice.published.id, reason)


def _end_agreement(notice: Notice, form: actions.Form) -> actions.Make:
    say(
        ":material/warning: **The agreement with {} ends today.** Then the data may be asked back. "
        "Neither side is liable for damages from this alone.",
        form.file.name,
    )
    reason = st.text_area(**form.field("reason", "Reason"))
    return lambda: objections.EndAgreement(notice.published.id, reason)


def _end(notice: Notice, form: actions.Form) -> actions.Make:
    file, id = form.file, notice.published.id
    effects = policies.effects_of(objections.EndFeatures(id), file.state, file.context)
    for command in (*effects.before, *effects.after):
        if isinstance(command, SetFeatures):
            ended = features.consequences(command, file.state.features, file.context)
            names = words.listed([f.name for f in ended.switched_off])
            say(
                ":material/toggle_off: **{}** will be switched off at once. All else stays as it is. "
                "Neither side is liable for damages from this alone.",
                names,
            )
            consequences.engaged(ended, file.agreement)
    reason = st.text_area(**form.field("reason", "Reason (optional)"))
    return lambda: objections.EndFeatures(id, reason)


def _back(notice: Notice, form: actions.Form) -> actions.Make:
    st.markdown("The change counts as accepted. You cannot object to it again.")
    reason = st.text_area(**form.field("reason", "Reason (optional)"))
    return lambda: objections.WithdrawObjection(notice.published.id, reason)


_DIALOGS: dict[type[Command], tuple[str, str, str | None, Fields]] = {
    objections.ObjectToChange: ("Object", "Object", ":material/front_hand:", _object),
    objections.AnswerCure: ("Answer the cure", "Answer", None, _answer),
    objections.ProposeCure: ("Propose a cure", "Propose", None, _cure),
    objections.CarryOutCure: ("Record a cure as carried out", "Record the cure", None, _carry_out),
    objections.CannotHoldBack: ("Cannot hold it back", "Record it", None, _not_held_back),
    objections.ReopenObjection: ("Reopen the objection", "Reopen it", None, _reopen),
    objections.AcceptChange: ("Accept the change", "Accept it", None, _accept),
    objections.EndAgreement: ("End the agreement", "End the agreement", None, _end_agreement),
    objections.EndFeatures: ("End the affected features", "End these features", None, _end),
    objections.WithdrawObjection: ("Withdraw the objection", "Withdraw the objection", None, _back),
}
"""Of each step: the label of its button, that of its confirmation, its icon and its fields."""


# --- the provider's drafts -----------------------------------------------------------------------


def _drafts(scope: Scope, provider: ProviderFile) -> None:
    state = provider.state.sub_processors
    with st.expander("Draft a change", icon=":material/edit_note:", expanded=not state.drafts):
        change_form.draw(scope, provider)
    st.subheader("Drafts", anchor=False)
    if not state.drafts:
        st.markdown("No draft is in the making. Customers see nothing of a draft.")
    for draft in state.drafts.values():
        _draft(scope, provider, draft)
    st.subheader("Published", anchor=False)
    if not state.published:
        st.markdown("Nothing was published yet.")
    for p in sorted(state.published.values(), key=lambda p: -p.id):
        with st.container(border=True, key=f"published_{p.id}"):
            _published(scope, provider, p)


def _published(scope: Scope, provider: ProviderFile, p: Published) -> None:
    status = sub_processors.status(p, provider.agreement, provider.now)
    day = p.withdrawn_at or p.counts_at(provider.agreement)
    say("**{}**", p.change.title)
    show.badge(show.Status(f"{sub_processors.STATUS[status]} {words.day(day)}", _STATUS[status]))
    if not p.withdrawn_at:
        note("Published {}, by {}", words.minute(p.at), words.person(provider, p.by))
    _own_steps(scope, provider, p)


def _draft(scope: Scope, provider: ProviderFile, draft: Draft) -> None:
    with st.container(border=True, key=f"draft_{draft.id}"):
        say("**{}**", draft.change.title)
        effect = notices.effect(draft.change, frozenset(), provider.agreement)
        _entries(effect)
        _new_feature(draft.change, effect.then)
        _touched(provider, draft.change, f"draft_{draft.id}")
        # Where nothing can be published as things stand, the rule itself says why.
        soonest = sub_processors.earliest(provider.agreement, provider.now, draft.change.kind)
        publish = sub_processors.PublishChange(draft.id, soonest)
        actions.attempt(
            lambda: sub_processors.decide(publish, provider.state.sub_processors, provider.context)
        )
        _own_steps(scope, provider, draft)


def _touched(provider: ProviderFile, change: Change, key: str) -> None:
    number, found = notices.touched(provider, change, customers.FEW)
    ids = change.features_of(provider.agreement)
    after = sub_processors.applied(change, provider.agreement)
    names = words.listed([after.feature(f).name for f in ids]) or "the core service"
    say(":material/groups: Touches {}, in use by **{}**.", names, words.count(number, "customer"))
    if found:
        with st.expander("Which customers"):
            rows = [
                {"Customer": name, "Features": ", ".join(used) or "Core service"} for _, name, used in found
            ]
            customers.table(rows, number, f"{key}.touched")


OwnFields = Callable[[int, ProviderFile, actions.Form], actions.Make | None]


def _own_steps(scope: Scope, provider: ProviderFile, item: Draft | Published) -> None:
    """A button for each step that fits a draft or a published change, with its dialog."""
    fitting = sub_processors.steps_open(item, provider.state.sub_processors, provider.context)
    stage = sub_processors.STAGES[sub_processors.status(item, provider.agreement, provider.now)]
    awaited = stage.waits_for == provider.context.side
    if not fitting:
        return
    with st.container(horizontal=True):
        for step in fitting:
            _own_step(scope, item.id, step, "primary" if awaited and step is stage.steps[0] else "secondary")


def _own_step(scope: Scope, id: int, step: type[Command], kind: Kind) -> None:
    """One button; the fields of its dialog are given the provider's ledger as it stands at that moment."""
    label, confirm, icon, fields = _OWN_DIALOGS[step]

    def drawn(form: actions.Form) -> actions.Make | None:
        provider = form.scope.provider()
        return fields(id, provider, form) if provider else None

    dialog = actions.Dialog(
        "Change to the list of sub-processors", confirm, drawn, about=f"notices/{id}", own=True
    )
    actions.button(scope, label, f"notices.{step.__name__}.{id}", dialog, icon=icon, kind=kind)


def _publish(id: int, provider: ProviderFile, form: actions.Form) -> actions.Make | None:
    draft = provider.state.sub_processors.drafts.get(id)
    if draft is None:
        st.markdown("This draft is gone: it was published or discarded.")
        return None
    soonest = sub_processors.earliest(provider.agreement, provider.now, draft.change.kind)
    say("**{}**", draft.change.title)
    say(
        "Every customer gets a notice now. It can count from **{}** at the earliest{}.",
        words.day(soonest),
        "" if draft.change.kind == "removal" else ", however urgent it is",
    )
    _touched(provider, draft.change, form.key("touched"))
    day = st.date_input(**form.field("effective_on", "Counts from"), value=soonest, format="YYYY-MM-DD")
    return lambda: sub_processors.PublishChange(id, day)


def _work_over(id: int, provider: ProviderFile, form: actions.Form) -> actions.Make | None:
    draft = provider.state.sub_processors.drafts.get(id)
    if draft is None:
        st.markdown("This draft is gone: it was published or discarded.")
        return None
    base = sub_processors.redrafted(draft.change, provider.agreement, id)
    return change_form.fields(form, provider.agreement, base)


def _correct(id: int, provider: ProviderFile, form: actions.Form) -> actions.Make | None:
    published = provider.state.sub_processors.published.get(id)
    if published is None:
        return None
    agreement = provider.agreement
    soonest = sub_processors.earliest(agreement, provider.now, published.change.kind)
    say("**{}**", published.change.title)
    anew = "" if published.change.kind == "removal" else ", and the time to object begins anew"
    say("Every customer gets the notice again{}. Objections already made stand.", anew)
    correction = st.text_area(**form.field("correction", "What was wrong, as customers will read it"))
    content = change_form.fields(form, agreement, sub_processors.redrafted(published.change, agreement))
    first = max(soonest, published.effective_on)
    day = st.date_input(**form.field("effective_on", "Counts from"), value=first, format="YYYY-MM-DD")
    return lambda: sub_processors.CorrectNotice(id, content(), day, correction)


def _discard(id: int, provider: ProviderFile, form: actions.Form) -> actions.Make:
    if draft := provider.state.sub_processors.drafts.get(id):
        say("**{}**", draft.change.title)
    st.markdown("The draft goes. No customer has seen it.")
    return lambda: sub_processors.DiscardDraft(id)


def _take_back(id: int, provider: ProviderFile, form: actions.Form) -> actions.Make:
    if published := provider.state.sub_processors.published.get(id):
        say("**{}**", published.change.title)
    st.markdown("The list stays as it is. Customers see that the change was withdrawn, and why.")
    reason = st.text_area(**form.field("reason", "Reason"))
    return lambda: sub_processors.WithdrawChange(id, reason)


_OWN_DIALOGS: dict[type[Command], tuple[str, str, str | None, OwnFields]] = {
    sub_processors.PublishChange: (
        "Publish",
        "Publish to all customers",
        ":material/campaign:",
        _publish,
    ),
    sub_processors.DraftChange: ("Edit", "Save the draft", None, _work_over),
    sub_processors.CorrectNotice: ("Correct the notice", "Send it again", None, _correct),
    sub_processors.DiscardDraft: ("Discard", "Discard the draft", None, _discard),
    sub_processors.WithdrawChange: ("Withdraw it", "Withdraw the change", None, _take_back),
}
"""Of each step: the label of its button, that of its confirmation, its icon and its fields."""
