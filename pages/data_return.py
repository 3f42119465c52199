"""Return and deletion of data, on instruction and at the end. Clauses: 3.1(xi), 3.1(xiii)"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dpa_core import documents
from dpa_core.downloads import File
from dpa_core.manifest import ManifestError, from_json, to_json
from dpa_core.office import Refusal
from dpa_core.subjects import data_return, dates, retention
from dpa_core.subjects.data_return import GROUNDS, WISHES, Item, Order
from pages.parts import download, show, steps, words
from pages.parts.scope import Scope, current

_STATUS = {
    "waits for the provider": (":material/hourglass_top:", "orange"),
    "delivered": (":material/inventory:", "orange"),
    "does not match": (":material/report:", "red"),
    "returned": (":material/check_circle:", "green"),
    "deletion due": (":material/auto_delete:", "orange"),
    "deleted": (":material/delete_forever:", "green"),
    "withdrawn": (":material/cancel:", "gray"),
}


def read(scope: Scope) -> list[Order]:
    """The orders, newest first, the assumed deletion among them once its time has come."""
    file = scope.file
    found = data_return.orders(file.state.data_return, file.agreement, file.now)
    return sorted(found.values(), key=lambda o: (o.at, o.id), reverse=True)


def draw(scope: Scope, orders: list[Order]) -> None:
    """The page."""
    file, agreement = scope.file, scope.file.agreement
    show.header(
        "Return and deletion",
        "Have personal data returned, deleted, or returned and then deleted, at any time and by category. "
        "What is lawfully kept for longer is recorded with its law and its end.",
        file,
    )
    if not file.allows("respond"):
        show.read_only(file)
    _end(scope)
    if file.allows("instruct"):
        with st.expander("Order a return or deletion", icon=":material/add:", expanded=not orders):
            _order_form(scope)
    if file.allows("respond"):
        with st.container(horizontal=True):
            if file.state.data_return.termination is None:
                steps.open_button("Record the end of the agreement", "data_return.terminate.0")
            steps.open_button("Record a lawful exception", "data_return.except.0")
    if not orders:
        st.markdown(":material/task_alt: Nothing was ordered.")
    for order in orders:
        _card(scope, order)
    _kept(scope)
    show.clauses((data_return.CLAUSE, data_return.COST_CLAUSE), agreement)
    _dialogs(scope, orders)
    steps.saw(scope)


def _names(scope: Scope, categories: tuple[str, ...]) -> str:
    names = {c.id: c.name for c in scope.file.agreement.data_categories}
    return words.listed([names.get(c, c) for c in categories])


def _end(scope: Scope) -> None:
    """The countdown after the end of the agreement."""
    file = scope.file
    end = file.state.data_return.termination
    if end is None:
        return
    until = data_return.return_until(end, file.agreement)
    days = file.agreement.term("return_request").value
    with st.container(border=True, key="end_of_agreement"):
        tense = "ended" if file.now >= dates.end_of(end.on) else "ends"
        st.markdown(f":material/event_busy: **The agreement {tense} on {words.day(end.on)}**")
        show.quoted(end.reason)
        if file.now < until:
            last = steps.last_day(until)
            left = (dates.local_day(last) - dates.local_day(file.now)).days
            st.metric("Days left to ask for a return", max(left, 0))
            st.markdown(
                f"You can ask for a return until the end of **{words.day_and_distance(last, file.now)}**: "
                f"{days} days after the end. Without that request, deletion is assumed to be your wish."
            )
        else:
            st.markdown(
                f":material/warning: The {days} days to ask for a return are over. **Deletion is assumed** "
                "for every category that nobody asked to have returned."
            )


def _order_form(scope: Scope) -> None:
    file, agreement, k = scope.file, scope.file.agreement, steps.turn("data_return.order")
    wish = st.radio("What shall happen", list(WISHES), format_func=lambda w: WISHES[w], key=f"{k}.wish")
    names = {c.id: c.name for c in agreement.data_categories}
    categories = st.multiselect(
        "Data categories", list(names), format_func=lambda c: names[c], key=f"{k}.categories"
    )
    reason = st.text_area("Reason (optional)", key=f"{k}.reason")
    command = data_return.OrderData(wish, tuple(categories), reason)
    if categories:
        held = retention.held(file.state.retention, agreement)
        try:
            result = data_return.consequences(command, file.state.data_return, agreement, file.now, held)
        except Refusal as problem:
            show.refusal(problem)
        else:
            _consequences(scope, result)
    cost = st.checkbox(
        "I acknowledge that the provider’s reasonable expenses are reimbursed (3.1(xiii)).", key=f"{k}.cost"
    )
    steps.recorded(scope)
    if st.button("Send the order", type="primary", key=f"{k}.send", icon=":material/send:"):
        steps.send(
            scope, "data_return.order", lambda: data_return.OrderData(wish, tuple(categories), reason, cost)
        )


def _consequences(scope: Scope, result: data_return.Consequences) -> None:
    if not result.deletes:
        st.markdown(":material/inventory: The data stays with the provider after the return.")
        return
    st.markdown(":material/delete_forever: **Deleted data cannot be brought back.** A certificate is made.")
    if scope.file.state.data_return.termination:
        st.markdown("The agreement ends: no copy stays after a return (Art. 28(3)(g) GDPR).")
    if result.held:
        names = words.listed(list(result.held))
        st.markdown(
            f":material/lock: A legal hold stands on {names}: release it on the Retention page, "
            "or the deletion waits."
        )
    for kept in result.kept:
        name = scope.file.agreement.data_category(kept.category).name
        st.markdown(f":material/gavel: {name} is kept until {words.day(kept.until)}: {words.plain(kept.law)}")


# --- one order -----------------------------------------------------------------------------------


def _card(scope: Scope, order: Order) -> None:
    stands = data_return.status(order)
    icon, color = _STATUS[stands]
    with st.container(border=True, key=f"order_{order.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            title = "Deletion, assumed" if order.assumed else f"{WISHES[order.wish]}, order {order.id}"
            st.subheader(title, anchor=False)
            st.badge(stands.capitalize(), icon=icon, color=color)
        st.markdown(f":material/category: {_names(scope, order.categories)}")
        by = f", by {words.address(order.by)}" if order.by else ", by clause 3.1(xi)"
        st.caption(f"{'Assumed since' if order.assumed else 'Ordered'} {words.minute(order.at)}{by}")
        show.quoted(order.reason)
        if order.mismatch:
            st.markdown(":material/report: The customer reports a mismatch:")
            show.quoted(order.mismatch)
        if order.items:
            _items(scope, order, stands)
        if order.deleted_on and order.certified_at:
            st.markdown(
                f":material/delete_forever: Deleted on **{words.day(order.deleted_on)}**, recorded "
                f"{words.minute(order.certified_at)} by {words.plain(order.deleted_by)}."
            )
            download.button(
                scope,
                "Certificate of deletion (PDF)",
                lambda: _certificate(scope, order),
                key=f"cert_{order.id}",
            )
        _next(scope, order, stands)


def _certificate(scope: Scope, order: Order) -> File:
    file = scope.file
    head = file.ledger.events(file.customer_id, after=file.sequence - 1)[0]
    return documents.deletion_certificate(order, file.name, file.agreement, head.digest)


def _items(scope: Scope, order: Order, stands: data_return.Status) -> None:
    st.markdown(
        f"**Manifest** of {words.minute(order.delivered_at)}" if order.delivered_at else "**Manifest**"
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
            lambda item=item: scope.file.attached(item.sha256),  # type: ignore[misc]
            key=f"item_{order.id}_{number}",
            icon=":material/attach_file:",
        )
    if stands == "delivered":
        st.caption("Check a received folder on your side with `dpa return check DIR MANIFEST`.")


def _next(scope: Scope, order: Order, stands: data_return.Status) -> None:
    customer, provider = scope.file.allows("instruct"), scope.file.allows("respond")
    with st.container(horizontal=True):
        if provider and stands in ("waits for the provider", "does not match"):
            steps.open_button("Deliver the data", f"data_return.deliver.{order.id}", primary=True)
        if provider and stands == "deletion due":
            steps.open_button("Record the deletion", f"data_return.delete.{order.id}", primary=True)
        if customer and stands == "delivered":
            steps.open_button("Acknowledge the return", f"data_return.acknowledge.{order.id}", primary=True)
            steps.open_button("Report a mismatch", f"data_return.mismatch.{order.id}")
        open_ones = ("waits for the provider", "delivered", "does not match", "deletion due")
        if customer and stands in open_ones and not order.assumed:
            steps.open_button("Withdraw", f"data_return.withdraw.{order.id}")


def _kept(scope: Scope) -> None:
    kept = scope.file.state.data_return.kept
    if not kept:
        return
    st.subheader("Lawful exceptions", anchor=False)
    today = dates.local_day(scope.file.now)
    rows = [
        {
            "Category": _names(scope, (k.category,)),
            "Ground": GROUNDS[k.ground],
            "Law or rule": k.law,
            "Until": words.day(k.until),
            "Stands": "Yes" if today <= k.until else "No, over",
        }
        for k in kept
    ]
    st.dataframe(rows, hide_index=True, key="kept")


# --- dialogs -------------------------------------------------------------------------------------

Fields = Callable[[str], Callable[[], data_return.Command]]


def _dialogs(scope: Scope, orders: list[Order]) -> None:
    name = steps.opened()
    if name is None or not name.startswith("data_return."):
        return
    _, step, id = name.split(".")
    order = next((o for o in orders if o.id == int(id)), None)
    title, label, fields = _STEPS[step](scope, order)
    steps.dialog(scope, name, title, label, fields)


def _terminate(scope: Scope, _: Order | None) -> tuple[str, str, Fields]:
    days = scope.file.agreement.term("return_request").value

    def fields(k: str) -> Callable[[], data_return.Command]:
        st.markdown(
            f"The customer has {days} days from then to ask for its data. After that, deletion is assumed. "
            "An end is recorded once."
        )
        on = st.date_input("Last day", dates.local_day(scope.file.now), key=f"{k}.on", format="YYYY-MM-DD")
        reason = st.text_area("Reason", key=f"{k}.reason", placeholder="Notice of termination of …")
        return lambda: data_return.Terminate(on, reason)

    return "End of the agreement", "Record the end", fields


def _except(scope: Scope, _: Order | None) -> tuple[str, str, Fields]:
    names = {c.id: c.name for c in scope.file.agreement.data_categories}

    def fields(k: str) -> Callable[[], data_return.Command]:
        st.markdown("The customer sees it, and every certificate of a deletion names it while it stands.")
        category = st.selectbox(
            "Data category", list(names), format_func=lambda c: names[c], key=f"{k}.category"
        )
        ground = st.radio("Ground", list(GROUNDS), format_func=lambda g: GROUNDS[g], key=f"{k}.ground")
        law = st.text_input("Law or rule", key=f"{k}.law", placeholder="Such as the Accounting Act, 7:2")
        until = st.date_input("Until", None, key=f"{k}.until", format="YYYY-MM-DD")

        def make() -> data_return.Command:
            if until is None:
                raise Refusal(data_return.CLAUSE, "The end date is missing.", "Choose a day.", "until")
            return data_return.RecordException(category, ground, law, until)

        return make

    return "Lawful exception", "Record the exception", fields


def _deliver(scope: Scope, order: Order | None) -> tuple[str, str, Fields]:
    def fields(k: str) -> Callable[[], data_return.Command]:
        st.markdown(
            "Attach the files, or the manifest of `dpa return manifest DIR` for files that go another way."
        )
        chosen = steps.uploads(scope, f"{k}.files", "Files to hand over here")
        listed = st.file_uploader("Manifest of files that go another way (JSON)", key=f"{k}.manifest")
        where = st.text_area("How those files reach the customer", key=f"{k}.where")

        def make() -> data_return.Command:
            items = [
                Item(name=r.name, size=r.size, sha256=r.sha256, attached=True)
                for r in steps.attach(scope, chosen)
            ]
            if listed is not None:
                try:
                    items += from_json(listed.getvalue())
                except ManifestError as problem:
                    text = str(problem).replace("\n", "; ")
                    raise Refusal(
                        data_return.CLAUSE, text, "Make it with `dpa return manifest DIR`.", "manifest"
                    ) from problem
            return data_return.Deliver(order.id if order else 0, tuple(items), where)

        return make

    return "Deliver the data", "Deliver", fields


def _delete(scope: Scope, order: Order | None) -> tuple[str, str, Fields]:
    file = scope.file

    def fields(k: str) -> Callable[[], data_return.Command]:
        today = dates.local_day(file.now)
        if order:
            st.markdown(f":material/delete_forever: **{_names(scope, order.categories)}**")
            for kept in data_return.kept_at(file.state.data_return, today, order.categories):
                st.markdown(
                    f":material/gavel: {_names(scope, (kept.category,))}, kept to {words.day(kept.until)}: "
                    f"{words.plain(kept.law)}"
                )
        st.markdown("You certify that the data is deleted. The certificate is made from this record.")
        on = st.date_input("Deleted on", today, key=f"{k}.on", format="YYYY-MM-DD")
        return lambda: data_return.RecordDeletion(order.id if order else 0, on)

    return "Record the deletion", "Record and certify", fields


def _acknowledge(scope: Scope, order: Order | None) -> tuple[str, str, Fields]:
    def fields(k: str) -> Callable[[], data_return.Command]:
        if order and (order.wish == "return_then_deletion" or order.at_end):
            st.markdown(":material/delete_forever: **The provider deletes the data once you acknowledge.**")
        st.markdown("Check off each file that is there and matches its SHA-256.")
        items = order.items if order else ()
        names = [i.name for i in items]
        if len(names) > 20:
            checked = names if st.checkbox(f"All {len(names):,} files match", key=f"{k}.all") else []
        else:
            checked = [
                n for number, n in enumerate(names) if st.checkbox(words.plain(n), key=f"{k}.{number}")
            ]
        return lambda: data_return.AcknowledgeReturn(order.id if order else 0, frozenset(checked))

    return "Acknowledge the return", "Acknowledge", fields


def _mismatch(scope: Scope, order: Order | None) -> tuple[str, str, Fields]:
    def fields(k: str) -> Callable[[], data_return.Command]:
        st.markdown("The provider delivers again. Nothing is deleted before you acknowledge.")
        what = st.text_area("What does not match", key=f"{k}.what")
        return lambda: data_return.ReportMismatch(order.id if order else 0, what)

    return "Report a mismatch", "Report", fields


def _withdraw(scope: Scope, order: Order | None) -> tuple[str, str, Fields]:
    def fields(k: str) -> Callable[[], data_return.Command]:
        st.markdown("The order will not be carried out any further.")
        reason = st.text_area("Reason (optional)", key=f"{k}.reason")
        return lambda: data_return.WithdrawOrder(order.id if order else 0, reason)

    return "Withdraw the order", "Withdraw", fields


_STEPS: dict[str, Callable[[Scope, Order | None], tuple[str, str, Fields]]] = {
    "terminate": _terminate,
    "except": _except,
    "deliver": _deliver,
    "delete": _delete,
    "acknowledge": _acknowledge,
    "mismatch": _mismatch,
    "withdraw": _withdraw,
}


draw(current(), read(current()))
