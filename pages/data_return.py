"""Return and deletion of data, on instruction and at the end. Clauses: 3.1(xi), 3.1(xiii)"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Literal, NamedTuple

import streamlit as st

from dpa_core import documents
from dpa_core.application import CustomerFile
from dpa_core.downloads import File
from dpa_core.manifest import MAX_BYTES as MANIFEST_BYTES
from dpa_core.manifest import ManifestError, from_json, to_json
from dpa_core.snapshots.certify import certificate_file
from dpa_core.subjects import data_return, dates
from dpa_core.subjects.common import SIDES
from dpa_core.subjects.data_return import GROUNDS, WISHES, Fate, Item, Order
from dpa_core.subjects.subject import Command
from dpa_core.views import usage
from pages.parts import actions, check_off, download, paging, show, steps, uploads, words
from pages.parts.scope import Scope
from pages.parts.uploads import Chosen
from pages.parts.words import md, note, say

_LOOKS: dict[data_return.Status, show.Look] = {
    "waits_for_provider": (":material/hourglass_top:", "orange"),
    "delivered": (":material/inventory:", "orange"),
    "does_not_match": (":material/report:", "red"),
    "returned": (":material/check_circle:", "green"),
    "deletion_due": (":material/auto_delete:", "orange"),
    "deleted": (":material/delete_forever:", "green"),
    "withdrawn": (":material/cancel:", "gray"),
}


_ORDERS = "data_return.orders"


@dataclass(frozen=True)
class Data:
    """The open orders, newest first, and a page of those to which nothing more can happen."""

    open: list[Order]
    over: list[Order]
    number_over: int


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """All that the page shows, the assumed deletion among the open orders once its time has come."""
    file = scope.file
    found = data_return.orders(file.state.data_return, file.agreement, file.now)
    open_ones = sorted(found.values(), key=lambda o: (o.at, o.id), reverse=True)
    return Data(open_ones, *paging.over(file, _ORDERS, Order))


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    file, agreement = scope.file, scope.file.agreement
    show.header(
        "Return and deletion",
        "Have personal data returned, deleted, or returned and then deleted, at any time and by category. "
        "What is lawfully kept for longer is recorded by data type, with its law and its end.",
        file,
    )
    if not file.allows("respond"):
        show.read_only(file)
    _end(scope)
    nothing = not data.open and not data.over
    if file.allows("instruct"):
        kind: Literal["primary", "secondary"] = "primary" if nothing else "secondary"
        actions.button(
            scope, "Order a return or deletion", "data_return.order", _ORDER, icon=":material/add:", kind=kind
        )
    if file.allows("respond"):
        with st.container(horizontal=True):
            end = file.state.data_return.termination
            if end is None:
                actions.button(
                    scope, "Record the end of the agreement", "data_return.terminate", _TERMINATION
                )
            elif end.side == "provider":
                actions.button(scope, "Correct the end of the agreement", "data_return.correct", _CORRECTION)
            actions.button(scope, "Record a lawful exception", "data_return.except", _EXCEPTION)
    if nothing:
        st.markdown(":material/task_alt: Nothing was ordered.")
    for order in data.open:
        _card(scope, order)
    if data.over:
        st.subheader("Returned, deleted and withdrawn", anchor=False)
    for order in data.over:
        _card(scope, order)
    paging.draw(_ORDERS, data.number_over, paging.OVER, "order")
    _kept(scope)
    show.clauses((data_return.CLAUSE, data_return.COST_CLAUSE), agreement)


def _names(scope: Scope, categories: tuple[str, ...]) -> str:
    names = {c.id: c.name for c in scope.file.agreement.data_categories}
    return words.listed([names.get(c, c) for c in categories])


def _end(scope: Scope) -> None:
    """The end of the agreement: who ended it and why, and the countdown after it."""
    file = scope.file
    end = file.state.data_return.termination
    if end is None:
        return
    until = data_return.return_until(end, file.agreement)
    days = file.agreement.term("return_request").value
    with st.container(border=True, key="end_of_agreement"):
        over = data_return.is_over(end, file.now)
        say(
            ":material/event_busy: **The agreement {} on {}**", "ended" if over else "ends", words.day(end.on)
        )
        done = "Corrected" if end.corrects else "Ended" if end.side == "customer" else "Recorded"
        before = md(", from {}", words.day(end.corrects)) if end.corrects else ""
        note(
            "{} for {}, by {}, {}{}",
            done,
            SIDES[end.side],
            words.person(file, end.by),
            words.minute(end.at),
            before,
        )
        show.quoted(end.reason)
        if not over:
            st.markdown("Until then everything works as before.")
        if file.now < until:
            left = (words.last_day(until) - dates.local_day(file.now)).days
            st.metric("Days left to ask for a return", md("{}", max(left, 0)))
            say(
                "A return can be asked for until the end of **{}**, {} days after the agreement’s end. "
                "Without that request, deletion is assumed to be the customer’s wish.",
                words.deadline_and_distance(until, file.now),
                days,
            )
        elif file.context.all_deleted:
            st.markdown(":material/delete_forever: All data is recorded as deleted.")
        else:
            say(
                ":material/warning: The {} days to ask for a return are over. **Deletion is assumed** "
                "for every category that nobody asked to have returned. What is not recorded as deleted yet "
                "can still be asked for: the agreement assumes a wish, it takes no right away (our reading).",
                days,
            )


# --- what a deletion would do ---------------------------------------------------------------------


def _becomes(fate: Fate, file: CustomerFile, *, returned: bool = False) -> str:
    """What a deletion does with a data type, or why it does nothing with it."""
    if fate.kept:
        return "; ".join(f"Kept until {words.day(k.until)}: {k.law}" for k in fate.kept)
    if fate.held:
        return "Waits: a legal hold stands"
    if fate.paused and fate.resumes_at:
        return f"Waits until {words.day(fate.resumes_at)}: a legal hold was released"
    return "Returned, then deleted" if returned else "Deleted"


def _type_names(file: CustomerFile, data_types: Iterable[str]) -> str:
    return words.listed([data_return.name_of(id, file.agreement) for id in data_types])


def _consequences(form: actions.Form, wish: data_return.Wish, result: data_return.Consequences) -> None:
    file = form.file
    rows, records, size, without = [], 0, 0, 0
    for fate in result.fates:
        figures = usage.stored(file, fate.data_type)
        without += figures is None
        row = {
            "Data category": file.agreement.data_category(fate.category).name,
            "Data type": data_return.name_of(fate.data_type, file.agreement),
            "Records": "No figures" if figures is None else f"{figures.records:,}",
            "Size": "" if figures is None else words.size(figures.bytes),
        }
        if result.deletes:
            row["What happens"] = _becomes(fate, file, returned=wish != "deletion")
        rows.append(row)
        records, size = (
            records + (figures.records if figures else 0),
            size + (figures.bytes if figures else 0),
        )
    say(
        ":material/database: **About {} ({})**, by the usage figures of the months that are still stored{}.",
        words.count(records, "record"),
        words.size(size),
        md("; for {} there are none", words.count(without, "data type")) if without else "",
    )
    st.dataframe(rows, hide_index=True, alt="What the order is about, by data type")
    if not result.deletes:
        st.markdown(":material/inventory: The data stays with the provider after the return.")
        return
    st.markdown(":material/delete_forever: **Deleted data cannot be brought back.** A certificate is made.")
    if result.assumed_since:
        st.markdown(
            ":material/warning: Deletion is assumed already. A return is possible for what is still there: "
            "the order stops the assumed deletion of these categories (our reading of 3.1(xi))."
        )
    if file.state.data_return.termination and wish != "deletion":
        st.markdown("At the end of the agreement no copy stays after a return (Art. 28(3)(g) GDPR).")
    _in_the_way(result.fates, file, md("**The whole order waits:**"))


def _in_the_way(fates: Sequence[Fate], file: CustomerFile, lead: words.Markdown) -> None:
    """What keeps a deletion from being recorded, after the words of `lead`, and what it leaves out."""
    held = _type_names(file, (f.data_type for f in fates if f.waits and f.held))
    paused = [f for f in fates if f.waits and f.paused]
    if held:
        say(
            ":material/lock: {} a legal hold stands on {}, until an admin of the customer releases it on the "
            "Retention page.",
            lead,
            held,
        )
    if paused:
        resumes = max(f.resumes_at for f in paused if f.resumes_at)
        say(
            ":material/pause_circle: {} a legal hold on {} was released; deletion resumes on **{}**, "
            "{} after the release by the provider’s own setting.",
            lead,
            _type_names(file, (f.data_type for f in paused)),
            words.day_and_distance(resumes, file.now),
            words.count(file.agreement.retention.grace_days, "day"),
        )
    for fate in fates:
        for kept in fate.kept:
            say(
                ":material/gavel: **{}** is not deleted: kept until the end of {} ({}: {}).",
                data_return.name_of(fate.data_type, file.agreement),
                words.day(kept.until),
                GROUNDS[kept.ground].lower(),
                kept.law,
            )


# --- one order -----------------------------------------------------------------------------------


def _card(scope: Scope, order: Order) -> None:
    stands = data_return.status(order)
    with st.container(border=True, key=f"order_{order.id}"):
        title = "Deletion, assumed" if order.assumed else f"{WISHES[order.wish]}, order {order.id}"
        show.heading(title, show.Status(data_return.STATUS[stands], _LOOKS[stands]))
        say(":material/category: {}", _names(scope, order.categories))
        by = md(", by {}", words.person(scope.file, order.by)) if order.by else ", by clause 3.1(xi)"
        since = data_return.since(order, scope.file.agreement)
        note("{} {}{}", "Assumed since" if order.assumed else "Ordered", words.minute(since), by)
        show.quoted(order.reason)
        if order.mismatch:
            st.markdown(":material/report: The customer reports a mismatch:")
            show.quoted(order.mismatch)
        if order.items:
            _items(scope, order, stands)
        if order.deleted_on and order.certified_at:
            say(
                ":material/delete_forever: {}: deleted on **{}**, recorded {} by {}.",
                _type_names(scope.file, data_return.deleted_by(order, scope.file.agreement)),
                words.day(order.deleted_on),
                words.minute(order.certified_at),
                words.person(scope.file, order.deleted_by),
            )
            for kept in order.exceptions:
                say(
                    ":material/gavel: {}: kept until {}: {}",
                    _type_names(scope.file, data_return.excepted(kept, scope.file.agreement)),
                    words.day(kept.until),
                    kept.law,
                )
            download.button(
                scope,
                "Certificate of deletion (PDF)",
                partial(certificate_file, scope.file, order, scope.keys),
                key=f"cert_{order.id}",
            )
        if data_return.will_delete(order) and data_return.STAGES[stands].steps:
            _waits(scope, order, stands)
        _next(scope, order, stands)


def _items(scope: Scope, order: Order, stands: data_return.Status) -> None:
    st.markdown(
        md("**Manifest** of {}", words.minute(order.delivered_at)) if order.delivered_at else "**Manifest**"
    )
    rows = [{"File": i.name, "Size": words.size(i.size), "SHA-256": i.sha256} for i in order.items]
    st.dataframe(rows, hide_index=True, key=f"manifest_{order.id}")
    if order.where:
        st.caption("How the files reach you")
        st.text(order.where)
    download.button(
        scope,
        "Manifest (JSON)",
        lambda: File(f"manifest-{order.id}.json", "application/json", to_json(order.items).encode()),
        key=f"manifest_file_{order.id}",
    )
    for number, item in enumerate(i for i in order.items if i.attached):
        download.button(
            scope,
            f"{item.name} ({words.size(item.size)})",
            partial(scope.file.attached, item.sha256),
            key=f"item_{order.id}_{number}",
            icon=":material/attach_file:",
        )
    if stands == "delivered":
        download.button(
            scope,
            "Script that checks a folder (Python)",
            lambda: documents.check_script(order.id, order.items),
            key=f"script_{order.id}",
            icon=":material/terminal:",
        )
        note(
            "Check what you received when you acknowledge it, in the browser, or with this script: "
            "`python3 check-return-{}.py FOLDER`. It needs Python and nothing else.",
            order.id,
        )


def _waits(scope: Scope, order: Order, stands: data_return.Status) -> None:
    """What stands in the way of an order's deletion, due or still to come, for both sides to see."""
    file = scope.file
    found = data_return.deletion(order, file.state.data_return, file.context, file.now)
    if order.assumed:
        lead = md("**A part waits:**")
    elif stands == "deletion_due":
        lead = md("**The deletion waits:**")
    else:
        lead = md("**The deletion that follows would wait:**")
    _in_the_way(found.of, file, lead)
    if order.assumed and found.held:
        st.caption(
            "The rest is deleted meanwhile. What is held waits for the customer’s choice: to release the "
            "hold at once, or once it has had the data returned."
        )


def _next(scope: Scope, order: Order, stands: data_return.Status) -> None:
    """The steps that fit, the next one first."""
    file = scope.file
    open_steps = data_return.steps_open(order, file.state.data_return, file.context) if file.acts else ()
    if not open_steps:
        return
    mine = data_return.STAGES[stands].waits_for == file.context.side
    with st.container(horizontal=True):
        for number, step in enumerate(open_steps):
            _step(scope, order, step, primary=mine and number == 0)


def _kept(scope: Scope) -> None:
    kept = scope.file.state.data_return.kept
    if not kept:
        return
    st.subheader("Lawful exceptions", anchor=False)
    today = dates.local_day(scope.file.now)
    rows = [
        {
            "Data category": _names(scope, (k.category,)),
            "Data type": _type_names(scope.file, data_return.excepted(k, scope.file.agreement)),
            "Ground": GROUNDS[k.ground],
            "Law or rule": k.law,
            "Until": words.day(k.until),
            "Stands": "Yes" if data_return.stands_on(k, today) else "No, over",
        }
        for k in kept
    ]
    st.dataframe(rows, hide_index=True, key="kept")


# --- dialogs -------------------------------------------------------------------------------------

Fields = Callable[[Order, actions.Form], actions.Make]


class _Offer(NamedTuple):
    """How a step is offered: its button, and its dialog with the button that confirms it."""

    label: str
    confirm: str
    fields: Fields
    """Given the order as it stands at that moment."""
    title: str = ""
    """Of the dialog; by default the label."""


def _step(scope: Scope, order: Order, step: type[Command], *, primary: bool) -> None:
    """A button over one order with its dialog."""
    offer = _OFFERS[step]

    def drawn(form: actions.Form) -> actions.Make:
        file = form.file
        stand = data_return.orders(file.state.data_return, file.agreement, file.now)
        return offer.fields(stand.get(order.id, order), form)

    dialog = actions.Dialog(offer.title or offer.label, offer.confirm, drawn, about=f"data_return/{order.id}")
    name = f"data_return.{step.__name__}.{order.id}"
    actions.button(scope, offer.label, name, dialog, kind="primary" if primary else "secondary")


def _terminate(form: actions.Form) -> actions.Make:
    on = _last_day(form)
    reason = st.text_area(**form.field("reason", "Reason"), placeholder="Notice of termination of …")
    return lambda: data_return.Terminate(on, reason)


def _last_day(form: actions.Form) -> date:
    """A field for the last day of the agreement, and what follows from it."""
    file = form.file
    end = file.state.data_return.termination
    # A correction begins with what is recorded, so that a careless press changes nothing.
    stands = end.on if end else dates.local_day(file.now)
    on = st.date_input(
        **form.field("on", "Last day"), value=stands, min_value=file.context.opened_on, format="YYYY-MM-DD"
    )
    days = file.agreement.term("return_request").value
    assumed = on + timedelta(days=days)
    say(
        "From the day after, every feature is off and none can be switched on. The customer has until the "
        "end of **{}** to ask for its data, {} days from the end; after that, deletion is assumed.",
        words.day(assumed),
        days,
    )
    if assumed < dates.local_day(file.now):
        st.markdown(
            ":material/warning: That is over already, so **deletion is assumed at once**. The customer can "
            "still ask for what you have not recorded as deleted. Tell it of this end."
        )
    return on


def _correct(form: actions.Form) -> actions.Make | None:
    end = form.file.state.data_return.termination
    if end is None:
        st.markdown("No end is recorded any more.")
        return None
    say("Recorded is **{}**. That entry stays on the record; the correction counts.", words.day(end.on))
    never = st.checkbox(**form.field("never", "The agreement has not ended: take the end back"))
    on = None if never else _last_day(form)
    if never:
        st.markdown("Features that were on at the end are on again, and no deletion is assumed.")
    st.markdown("What is recorded as deleted stays deleted.")
    reason = st.text_area(**form.field("reason", "Reason"), placeholder="What was wrong with the entry")
    return lambda: data_return.CorrectEnd(on, reason)


_CORRECTION = actions.Dialog("Correct the end of the agreement", "Correct the end", _correct)


_TERMINATION = actions.Dialog("End of the agreement", "Record the end", _terminate)


def _order(form: actions.Form) -> actions.Make | None:
    file = form.file
    wish = st.radio(
        **form.field("wish", "What shall happen"),
        options=list(WISHES),
        format_func=lambda w: words.plain(WISHES[w]),
    )
    names = {c.id: c.name for c in file.agreement.data_categories}
    categories = st.multiselect(
        **form.field("categories", "Data categories"), options=list(names), format_func=lambda c: names[c]
    )
    form.basis = " ".join((wish, *categories))
    if not categories:
        st.markdown("Choose the data, to see what the order would do.")
        return None
    command = data_return.OrderData(wish, tuple(categories))
    result = actions.attempt(
        lambda: data_return.consequences(command, file.state.data_return, file.context), form.labels
    )
    if result is None:
        return None
    _consequences(form, wish, result)
    reason, name = show.reason(form, required=result.deletes), ""
    if result.deletes:
        note("A reason and the typed name are asked for by the provider’s own setting.")
        # No draft keeps it: it is typed for what is on screen.
        form.labels["name"] = "The customer’s name"
        name = st.text_input(md("To confirm, type the customer’s name: {}", file.name), key=form.key("name"))
    cost = st.checkbox(
        "I acknowledge that the provider’s reasonable expenses are reimbursed (3.1(xiii)).",
        key=form.key("cost"),
    )
    return lambda: replace(command, reason=reason, name=name, cost_acknowledged=cost)


_ORDER = actions.Dialog(
    "Order a return or deletion", "Send the order", _order, icon=":material/inventory_2:", kept="instruction"
)


def _except(form: actions.Form) -> actions.Make:
    agreement = form.file.agreement
    choices = data_return.data_types([c.id for c in agreement.data_categories], agreement)
    st.markdown(
        "The customer sees it. While it stands, the data type is not deleted, and every certificate names it."
    )

    def named(id: str) -> str:
        name = data_return.name_of(id, agreement)
        category = agreement.data_category(data_return.category_of(id, agreement)).name
        return name if name == category else f"{name} ({category})"

    data_type = st.selectbox(**form.field("data_type", "Data type"), options=list(choices), format_func=named)
    ground = st.radio(
        **form.field("ground", "Ground"), options=list(GROUNDS), format_func=lambda g: words.plain(GROUNDS[g])
    )
    law = st.text_input(**form.field("law", "Law or rule"), placeholder="Such as the Accounting Act, 7:2")
    until = st.date_input(**form.field("until", "Until"), value=None, format="YYYY-MM-DD")
    return lambda: data_return.RecordException(data_type, ground, law, until)


_EXCEPTION = actions.Dialog("Lawful exception", "Record the exception", _except)


def _deliver(order: Order, form: actions.Form) -> actions.Make:
    st.markdown(
        "Attach the files, or the manifest of `dpa return manifest DIR` for files that go another way."
    )
    chosen = steps.choose_files(form, "Files to hand over here")
    listed = _manifest_field(form)
    where = st.text_area(**form.field("where", "How those files reach the customer"))

    def make() -> data_return.Deliver:
        items = [
            Item(name=r.name, size=r.size, sha256=r.sha256, attached=True)
            for r in steps.attach(form.scope, chosen)
        ]
        for manifest in listed:
            items += _manifest(manifest.getvalue())
        return data_return.Deliver(order.id, tuple(items), where)

    return make


def _manifest_field(form: actions.Form) -> Chosen:
    listed = uploads.choose(
        **form.labelled("manifest", "Manifest of files that go another way (JSON)"),
        limit=MANIFEST_BYTES,
        help="As `dpa return manifest` writes it.",
        many=False,
    )
    form.files.append(listed)
    return listed


def _manifest(content: bytes) -> list[Item]:
    """The files that a manifest names. Raises Refusal where it is none."""
    try:
        return list(from_json(content))
    except ManifestError as problem:
        problems = "; ".join(line.rstrip(".") for line in str(problem).splitlines())
        raise data_return.refuse(
            "no_manifest", data_return.CLAUSE, "manifest", problems=problems
        ) from problem


def _delete(order: Order, form: actions.Form) -> actions.Make:
    file, today = form.file, dates.local_day(form.file.now)
    found = data_return.deletion(order, file.state.data_return, file.context, file.now)
    goes = _type_names(file, (f.data_type for f in found.goes))
    say(":material/delete_forever: **{}**", goes or "Nothing can be deleted now.")
    _in_the_way(found.of, file, md("**Not recorded now:**"))
    if found.goes:
        note("The first day possible is {}.", words.day(data_return.first_day(order, found.goes)))
    st.markdown("You certify that the data is deleted. The certificate is made from this record.")
    on = st.date_input(**form.field("on", "Deleted on"), value=today, format="YYYY-MM-DD")
    return lambda: data_return.RecordDeletion(order.id, on)


def _acknowledge(order: Order, form: actions.Form) -> actions.Make:
    acknowledged = order.model_copy(update={"acknowledged_at": form.file.now})
    if data_return.status(acknowledged) == "deletion_due":
        st.markdown(":material/delete_forever: **The provider deletes the data once you acknowledge.**")
    checked = check_off.draw(form, order.items)
    return lambda: data_return.AcknowledgeReturn(order.id, checked)


def _mismatch(order: Order, form: actions.Form) -> actions.Make:
    st.markdown("The provider delivers again. Nothing is deleted before you acknowledge.")
    what = st.text_area(**form.field("what", "What does not match"))
    return lambda: data_return.ReportMismatch(order.id, what)


def _withdraw(order: Order, form: actions.Form) -> actions.Make:
    st.markdown("The order will not be carried out any further.")
    reason = st.text_area(**form.field("reason", "Reason (optional)"))
    return lambda: data_return.WithdrawOrder(order.id, reason)


_OFFERS: dict[type[Command], _Offer] = {
    data_return.Deliver: _Offer("Deliver the data", "Deliver", _deliver),
    data_return.RecordDeletion: _Offer("Record the deletion", "Record and certify", _delete),
    data_return.AcknowledgeReturn: _Offer("Acknowledge the return", "Acknowledge", _acknowledge),
    data_return.ReportMismatch: _Offer("Report a mismatch", "Report", _mismatch),
    data_return.WithdrawOrder: _Offer("Withdraw", "Withdraw", _withdraw, "Withdraw the order"),
}
