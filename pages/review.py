"""Reviews: go through a customer's configuration together, agree on actions, confirm them.

Standard: Art. 28(3)(h) GDPR
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from dpa_core.application import Receipt
from dpa_core.snapshots.diff import OPEN_ITEMS, diff
from dpa_core.snapshots.freeze import freeze
from dpa_core.subjects import features, retention, reviews
from dpa_core.subjects.common import SIDES
from dpa_core.subjects.subject import TURNS, Task
from dpa_core.views import tasks
from dpa_core.views.data_return import end_in_words
from dpa_core.views.snapshots import on_file
from pages.parts import actions, paging, proposals, show, snapshot, what_if, words
from pages.parts.drafts import Draft
from pages.parts.scope import RUNNING, Scope
from pages.parts.words import md, note, say

_HELD = "reviews.held"
STEP, NOTES, ACTIONS, BEGAN = (f"review.{k}" for k in ("step", "notes", "actions", "began"))


def page(scope: Scope) -> None:
    """The page: a review that runs, or the reviews that were held."""
    if st.session_state.get(RUNNING) == scope.file.customer_id and scope.file.allows("hold_review"):
        _run(scope)
    else:
        _list(scope)


# --- the reviews that were held ------------------------------------------------------------------


def _list(scope: Scope) -> None:
    file = scope.file
    show.header(
        "Reviews",
        "A review goes through the configuration together and ends with agreed actions and a snapshot.",
        file,
    )
    if file.allows("hold_review"):
        _beginning(scope)
    if file.state.reviews.open_proposals:
        st.subheader("Proposals waiting for an answer", anchor=False)
        proposals.waiting(scope)
    st.subheader("Reviews held", anchor=False)
    earlier, number = paging.over(file, _HELD, reviews.Review)
    if file.state.reviews.last:
        _held(scope, file.state.reviews.last)
    else:
        st.markdown("No review was held yet.")
    for review in earlier:
        _held(scope, review)
    paging.draw(_HELD, number, paging.OVER, "earlier review")
    proposals.answered(scope)
    show.clauses(("3.1(i)",), file.agreement)


def _held(scope: Scope, review: reviews.Review) -> None:
    file = scope.file
    with st.container(border=True, key=f"review_{review.sequence}"):
        say(
            "**{}** · held by {} · entry {}",
            words.day(review.held_at),
            words.person(file, review.by),
            review.sequence,
        )
        if review.notes:
            st.text(review.notes)
        _actions_table(review.actions, {n: _when_done(scope, done) for n, done in review.done.items()})
        _marking(scope, review)
        if review.confirmed_at:
            by = md(
                "Confirmed by {} on {}",
                words.person(file, review.confirmed_by),
                words.day(review.confirmed_at),
            )
            show.badge(show.Status(by, (":material/check_circle:", "green")))
        elif review.actions:
            show.badge(show.Status("Not confirmed yet", (":material/pending:", "orange")))
            if file.allows("instruct"):
                form = actions.Form(
                    scope, f"review.confirm.{review.sequence}", about=f"review/{review.sequence}"
                )
                command = reviews.ConfirmReview(review.sequence)
                form.button("Confirm the agreed actions", lambda: command)
        taken = next((s for s in reversed(on_file(file)) if s.upto == review.sequence), None)
        if taken:
            st.caption("Snapshot of what was agreed")
            snapshot.buttons(scope, taken)


def _actions_table(actions: tuple[reviews.Action, ...], done: Mapping[int, str] | None = None) -> None:
    """The agreed actions. `done`: when and by whom, of those that were done, by number."""
    if actions:
        show.table(
            [
                {
                    "Agreed action": a.what,
                    "Whose": SIDES[a.side].capitalize(),
                    "Due": words.day(a.due) if a.due else "No date",
                }
                | ({} if done is None else {"Done": done.get(number, "Not yet")})
                for number, a in enumerate(actions, start=1)
            ],
        )


def _when_done(scope: Scope, done: reviews.Done) -> words.Markdown:
    """`8 Dec 2026 by eva@…: sent by mail`."""
    said = md(": “{}”", done.note) if done.note else ""
    return md("{} by {}{}", words.day(done.at), words.person(scope.file, done.by), said)


def _marking(scope: Scope, review: reviews.Review) -> None:
    """A button for each action of the person's own side that is not marked as done."""
    file, side = scope.file, scope.file.context.side
    if not file.allows("instruct" if side == "customer" else "hold_review"):
        return
    mark = reviews.MarkDone if side == "customer" else reviews.MarkProvidersDone
    with st.container(horizontal=True):
        for number, action in review.open_actions(side).items():
            actions.button(
                scope,
                f"Mark as done: {action.what if len(action.what) <= 40 else action.what[:39] + '…'}",
                f"review.done.{review.sequence}.{number}",
                _done(review, number, action, mark),
                icon=":material/check:",
            )


def _done(
    review: reviews.Review,
    number: int,
    action: reviews.Action,
    mark: type[reviews.MarkDone | reviews.MarkProvidersDone],
) -> actions.Dialog:
    def fields(form: actions.Form) -> actions.Make:
        st.text(action.what)
        st.markdown("Marked as done once, with your name and the time. Both sides read it.")
        note = st.text_area(**form.field("reason", "Note (optional)"))
        return lambda: mark(review.sequence, number, note)

    return actions.Dialog("Mark as done", "Mark as done", fields, about=f"review/{review.sequence}/{number}")


# --- a review that runs --------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One page of the review."""

    title: str
    draw: Callable[[Scope], None]


def _draft(scope: Scope) -> Draft:
    """The review that this person has begun and not finished: its step, notes and actions."""
    return Draft(scope, RUNNING)


def _beginning(scope: Scope) -> None:
    """A button to start a review, or to go on with the one that was left."""
    draft = _draft(scope)
    if BEGAN not in draft.known.content:
        st.button(
            "Start a review", type="primary", on_click=_start, args=[scope], icon=":material/slideshow:"
        )
        return
    draft.show(draft.drop, "review.discard")
    st.button(
        "Go on with the review", type="primary", on_click=_go_on, args=[scope], icon=":material/slideshow:"
    )
    if draft.known.saved_at is None:  # left a moment ago
        st.button("Discard the review", on_click=draft.drop, type="tertiary")


def _start(scope: Scope) -> None:
    _draft(scope).put(BEGAN, scope.file.sequence)
    _go_on(scope)


def _go_on(scope: Scope) -> None:
    st.session_state[RUNNING] = scope.file.customer_id


def _leave() -> None:
    """What was noted and agreed on stays, as a draft."""
    st.session_state.pop(RUNNING, None)


def _agreed(scope: Scope) -> list[reviews.Action]:
    """What was agreed on so far."""
    listed: list[dict[str, Any]] = _draft(scope).known.content.get(ACTIONS, [])
    return [reviews.Action(**each) for each in listed]


def _agree_on(scope: Scope, agreed: list[reviews.Action]) -> None:
    _draft(scope).put(ACTIONS, [dict(each) for each in agreed])


def _run(scope: Scope) -> None:
    file = scope.file
    number = int(_draft(scope).known.content.get(STEP, 0))
    step = STEPS[number]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        last = file.context.ends_on
        end = md(" · :material/event_busy: **{}**", end_in_words(last, file.now)) if last else ""
        note("Review of {} · {}{}", file.name, words.day(file.now), end)
        st.button("Leave the review", on_click=_leave, type="tertiary", icon=":material/close:")
    st.progress((number + 1) / len(STEPS), text=md("{} of {}: {}", number + 1, len(STEPS), step.title))
    st.title(words.plain(step.title), anchor=False)
    actions.receipt()
    step.draw(scope)
    if number < len(STEPS) - 1:
        _notes(scope)
    _buttons(scope, number)


def _buttons(scope: Scope, number: int) -> None:
    last = len(STEPS) - 1
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.button(
            "Back",
            key="review.back",
            on_click=_go,
            args=[scope, number - 1],
            disabled=number == 0,
            shortcut="Left",
        )
        if number < last:
            st.button(
                "Next",
                key="review.next",
                on_click=_go,
                args=[scope, number + 1],
                shortcut="Right",
                type="primary",
            )
        else:
            actions.button(
                scope,
                "Finish the review",
                "review.finish",
                _finishing(scope),
                icon=":material/task_alt:",
                kind="primary",
            )


def _go(scope: Scope, number: int) -> None:
    _draft(scope).put(STEP, min(max(number, 0), len(STEPS) - 1))


def _notes(scope: Scope) -> None:
    """The same notes at every step; what is typed stays when the step changes."""
    draft, key = _draft(scope), "review.notes_field"
    draft.fill(NOTES, key)
    st.text_area(
        "Notes",
        key=key,
        on_change=draft.touched,
        args=[NOTES, key],
        placeholder="What was said. Recorded when the review is finished.",
        height=100,
    )


def _changes(scope: Scope) -> None:
    file = scope.file
    last = file.state.reviews.last
    since = last.held_at if last else file.state.customer.since or file.now
    old = scope.application.reopen(file.person, file.customer_id, last.sequence if last else 1, since)
    what = "the last review" if last else "the customer entered the agreement"
    say("What changed since {}, on {}.", what, words.day(since))
    found = [c for c in diff(freeze(old), freeze(file)) if c.part != OPEN_ITEMS]
    snapshot.changes(found, f"Then ({words.day(since)})", "Now")
    snapshot.between(old, file)


def _features(scope: Scope) -> None:
    file, agreement = scope.file, scope.file.agreement
    engaged = features.engaged_now(file.context)
    on = [f for f in agreement.features if f.id in file.context.in_use]
    off = [f.name for f in agreement.features if f not in on]
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.subheader(md("{} of {} features on", len(on), len(agreement.features)), anchor=False)
        for f in on:
            say(":material/check_circle: **{}**  \n{}", f.name, f.purpose)
        st.caption("What each feature does is our description: the agreement names the features only.")
        st.markdown(md(":material/circle: Off: {}", words.listed(off)) if off else "All are on.")
    with right:
        st.subheader(md("{} engaged", words.count(len(engaged), "sub-processor")), anchor=False)
        show.outside_line(features.outside_of(engaged, agreement))
        show.table(
            [
                {
                    "Sub-processor": s.name,
                    "Place": show.places(s, agreement),
                    "Mechanism": show.mechanisms(s, agreement),
                    "Because of": words.listed([f.name for f in on if f.id in s.features]) or "Core",
                }
                for s in engaged
            ],
        )
    show.clauses((features.CLAUSE, features.TRANSFER_CLAUSE), agreement)


def _retention(scope: Scope) -> None:
    file = scope.file
    st.markdown("How long each kind of data is kept.")
    show.table(
        [
            {
                "Data type": p.data_type.name,
                "Kept for": words.duration(p.days),
                "Set": "Provider’s default"
                if p.is_default or not p.since
                else f"{words.day(p.since)} by {file.who(p.by or '')}",
                "Coming": f"{p.pending.days:,} days from {words.day(p.pending.effective_at)}"
                if p.pending
                else "",
                "Legal hold": f"Since {words.day(p.hold.since)}" if p.hold else "",
            }
            for p in retention.periods(file.state.retention, file.agreement, file.now)
        ],
    )
    show.clauses((retention.CLAUSE,), file.agreement)


def _requests(scope: Scope) -> None:
    _items(scope, [t for t in tasks.open_tasks(scope.file) if t.waits_for], "Nothing waits for anybody.")


def _coming(scope: Scope) -> None:
    """What only time has to pass for: periods and changes to the list of sub-processors."""
    _items(scope, [t for t in tasks.open_tasks(scope.file) if not t.waits_for], "No change is coming.")


def _items(scope: Scope, found: list[Task], nothing: str) -> None:
    if not found:
        say(":material/task_alt: {}", nothing)
        return
    now = scope.file.now
    st.dataframe(
        pd.DataFrame(
            {
                "Kind": [tasks.kind(t) for t in found],
                "What": [tasks.what(t) for t in found],
                "Waits for": [TURNS[t.waits_for].capitalize() if t.waits_for else "" for t in found],
                "Since": [words.day(t.opened_at) if t.opened_at else "" for t in found],
                "By": [scope.file.who(t.by) if t.by else "" for t in found],
                "Date": [tasks.when_and_distance(t, now) for t in found],
                "Clause": [t.clause for t in found],
            }
        ),
        hide_index=True,
        alt="Kind, what, whom it waits for, since when, by whom, the date and the clause",
    )


def _what_if(scope: Scope) -> None:
    proposals.save(scope, what_if.draw(scope))


def _agree(scope: Scope) -> None:
    left, right = st.columns([3, 2], gap="large")
    with left:
        _notes(scope)
        agreed = _agreed(scope)
        if not agreed:
            st.markdown("No actions yet. Add what was agreed on.")
        for place, action in enumerate(agreed):
            with st.container(border=True, horizontal=True, vertical_alignment="center"):
                until = md(", until {}", words.day(action.due)) if action.due else ""
                say("**{}** · {}{}", action.what, SIDES[action.side], until)
                st.button("Remove", key=f"review.remove_{place}", on_click=_remove, args=[scope, place])
    with right, st.container(border=True, key="review.action"):
        _adding(scope, agreed)


def _adding(scope: Scope, agreed: list[reviews.Action]) -> None:
    """The fields of one more action."""
    st.markdown("**Add an action**")
    form = actions.Form(scope, "review.action")
    what = st.text_input(**form.field("what", "What is to be done"), max_chars=300)
    side = st.radio(
        **form.field("side", "Who does it"),
        options=list(SIDES),
        format_func=lambda s: words.plain(SIDES[s].capitalize()),
        horizontal=True,
    )
    due = st.date_input(**form.field("due", "Until (optional)"), value=None, format="YYYY-MM-DD")
    if st.button("Add", key=form.key("add"), icon=":material/add:"):
        action = reviews.Action(what=what.strip(), side=side or "provider", due=due)
        if actions.attempt(lambda: reviews.checked_actions((*agreed, action), scope.file.now), form.labels):
            _agree_on(scope, [*agreed, action])
            form.discard()
            st.rerun()


def _remove(scope: Scope, place: int) -> None:
    agreed = _agreed(scope)
    _agree_on(scope, agreed[:place] + agreed[place + 1 :])


STEPS = (
    Step("Changes since the last review", _changes),
    Step("Features and sub-processors", _features),
    Step("Retention", _retention),
    Step("Requests", _requests),
    Step("Coming changes", _coming),
    Step("What if", _what_if),
    Step("Agreed actions", _agree),
)


# --- the end -------------------------------------------------------------------------------------


def _finishing(scope: Scope) -> actions.Dialog:
    """The dialog that ends the review that runs."""

    def fields(form: actions.Form) -> actions.Make:
        notes, agreed = str(_draft(scope).known.content.get(NOTES, "")), tuple(_agreed(scope))
        st.markdown("**What is recorded**")
        st.text(notes or "No notes.")
        _actions_table(agreed)
        st.caption(
            "A snapshot of the configuration with this review goes on file. The customer’s admin is asked to "
            "confirm the actions."
        )
        return lambda: reviews.RecordReview(notes, agreed)

    def then(_: Receipt) -> str:
        _draft(scope).drop()
        what_if.forget(scope)
        _leave()
        return _on_file(scope)

    return actions.Dialog(
        "Finish the review",
        "Record the review",
        fields,
        icon=":material/task_alt:",
        then=then,
        since=_known(scope),
    )


def _on_file(scope: Scope) -> str:
    """Put a snapshot of what was just recorded on file, and say whether that worked."""

    def take() -> Receipt:
        file = scope.application.open(scope.file.person, scope.file.customer_id)
        command = snapshot.command(replace(scope, file=file), words.local_day(file.now))
        return scope.application.carry_out(file.person, file.customer_id, command, file.sequence)

    taken = actions.attempt(take)
    return "A snapshot of it is on file." if taken else "Take a snapshot of it on the Snapshots page."


def _known(scope: Scope) -> int:
    """The last entry that the person knows: where the review began, or an own step right after it."""
    file, known = scope.file, int(_draft(scope).known.content[BEGAN])
    for event in file.reader.events(after=known):
        if event.actor != file.person.id:
            break
        known = event.sequence
    return known
