"""The one way to confirm a step: its dialog, what it answers to, sending it, and the receipt.

A page declares a `Dialog`, or draws a `Form` on the page itself. Both end in `Form.submit`, which knows the
application's doors, the one ladder of what may go wrong, and what to tell once a step is recorded.

What a step answers to is what the person had before their eyes when the button was pressed: `drawn` keeps
that at the end of every page, `open` copies it when a dialog opens.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Literal, TypedDict, TypeVar

import streamlit as st
from streamlit.errors import StreamlitAPIException

from dpa_core.access import Forbidden, SignInAgain
from dpa_core.application import (
    PROVIDER,
    AgreementMissing,
    Changed,
    CustomerFile,
    ProviderFile,
    Receipt,
    StoreError,
)
from dpa_core.subjects import grants, registry
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.registry import CustomerState
from dpa_core.subjects.subject import Command, Task
from dpa_core.views import history, tasks
from pages.parts import connection, drafts, words
from pages.parts.drafts import Draft
from pages.parts.scope import Scope
from pages.parts.uploads import Chosen
from pages.parts.words import md, note


@dataclass(frozen=True)
class Done:
    """What was done that no ledger records, and what to know of it next."""

    what: str
    following: Sequence[str] = ()


Make = Callable[[], Command | Done]
"""Makes the command once it is confirmed; may attach files first. Or does what no ledger records. May raise
Forbidden, Refusal, StoreError."""
Kept = Literal["step", "instruction", "role", "log"]

T = TypeVar("T")

_SEEN, _OPEN, _ALONE, _DECLARED, _DIALOG, _ROUNDS, _TOLD, _FORMS = (
    f"actions.{k}" for k in ("seen", "open", "alone", "declared", "dialog", "rounds", "told", "forms")
)
_PLACE = "actions.place"
"""Of the dialogs of a page: what runs alone when one is to be opened."""


# --- what goes wrong -----------------------------------------------------------------------------


def sentence(problem: Exception, labels: Mapping[str, str] | None = None) -> words.Markdown:
    """What went wrong: what is refused, what to do, and under which clause.

    `labels`: what the fields of the form are called, by the names that refusals know them by.
    """
    if not isinstance(problem, Refusal):
        return words.plain(str(problem))
    label = re.sub(r" \((required|optional)\)$", "", (labels or {}).get(problem.field or "", ""))
    about = md("**{}:** ", label) if label else ""
    return md("{}{} {} ({})", about, problem.message, problem.remedy, problem.clause)


def attempt(act: Callable[[], T], labels: Mapping[str, str] | None = None) -> T | None:
    """What `act` gives; None, and why on screen, where the door or a rule does not allow it."""
    try:
        return act()
    except Refusal as problem:
        st.error(sentence(problem, labels), icon=":material/block:")
    except (Forbidden, SignInAgain, StoreError, AgreementMissing, Changed) as problem:
        st.error(sentence(problem), icon=":material/error:")
    return None


def reopened(scope: Scope) -> CustomerFile:
    """In a dialog or fragment: the customer, and the person's roles, as they stand at this moment.

    It runs again alone, without the page and the sign-in gate around it. So whoever lost access, or whose
    sign-in has ended, since it was opened is told here, and can confirm nothing.
    """
    file = attempt(lambda: scope.application.open(scope.file.person, scope.file.customer_id))
    if file is None:
        _copy_left(scope)
        st.stop()
    return file


def _copy_left(scope: Scope) -> None:
    """What was typed under a role that is taken, to be copied; nothing once the sign-in is over."""
    with contextlib.suppress(SignInAgain, StoreError):
        drafts.show_left(scope.application, scope.file.person)


# --- what the person had before their eyes -------------------------------------------------------


def drawn(scope: Scope, provider: ProviderFile | None = None) -> None:
    """At the end of a page: remember how things stood when it was drawn, and open the dialog asked for."""
    state = st.session_state
    seen = {PROVIDER: provider.sequence} if provider else {}
    state[_SEEN] = {**state.get(_SEEN, {}), scope.file.customer_id: scope.file.sequence, **seen}
    state.pop(_ALONE, None)
    declared = state.pop(_DECLARED, None)
    if declared and declared[0] is scope:  # in this very run
        _dialogs(scope, declared[1])
    else:
        _open_asked(scope, {})


@st.fragment(key=_PLACE)
def _dialogs(scope: Scope, declared: Mapping[str, Dialog]) -> None:
    """The dialog asked for. When a button asks for it, this runs alone: to draw the page behind it once more
    would take most of the time that the person waits. Where things have changed meanwhile, that is done."""
    if st.session_state.pop(_ALONE, False) and not _stands_as_drawn(scope):
        st.rerun()
    _open_asked(scope, declared)


def _stands_as_drawn(scope: Scope) -> bool:
    """Whether customer, agreement and the person's roles are as they were when the page was drawn."""
    try:
        now = scope.application.open(scope.file.person, scope.file.customer_id)
    except (Forbidden, SignInAgain, StoreError):
        return False
    same_moment = replace(now.context, now=scope.file.now)
    return same_moment == scope.file.context and now.person == scope.file.person


def _open_asked(scope: Scope, declared: Mapping[str, Dialog]) -> None:
    """A step whose button was pressed, but which the page no longer offers, is said to be gone."""
    asked = st.session_state.pop(_OPEN, None)
    if asked in declared:
        _show(scope, declared[asked])
    elif asked and scope.application.role_taken(scope.file.person, scope.file.customer_id):
        st.toast("Your role for this step was taken.", icon=":material/person_off:")
    elif asked:
        st.toast("This step is no longer open: someone else was faster.", icon=":material/sync_problem:")


@dataclass
class _Opened:
    """The dialog that was opened last."""

    name: str
    seen: dict[str, int]
    """The last sequence of each ledger that the person had before their eyes."""
    changed: Changed | None = None
    """What others recorded meanwhile, where that stopped the step."""
    said: Sequence[words.Markdown] = ()
    """What there is to know of it since it was opened again."""


def open(name: str) -> None:
    """Open the dialog of that name next, with empty fields. For the end of an `on_click` or `on_change`: what
    stands after it is not done."""
    state = st.session_state
    state[_OPEN] = name
    state[_DIALOG] = _Opened(name, dict(state.get(_SEEN, {})))
    _turn(name)
    state[_ALONE] = True
    with contextlib.suppress(StreamlitAPIException):  # no page has dialogs now: the next one says so
        st.rerun(_PLACE)


def reopen(name: str, seen: Mapping[str, int] | None, said: Sequence[words.Markdown]) -> None:
    """In this run, open the dialog of that name again with what stands in its fields. `seen`: as the person
    had it before their eyes, where this session does not know the dialog; `said`: what to say in it."""
    state = st.session_state
    state[_OPEN] = name
    if seen is not None:
        state[_DIALOG] = _Opened(name, dict(seen))
    state[_DIALOG].said = said


def turned(rounds: Mapping[str, int]) -> None:
    """Take over how often each form was emptied: the keys of its fields hang on it."""
    st.session_state[_ROUNDS] = dict(rounds)


def done_with(scope: Scope, name: str, own: bool) -> None:
    """Empty a form whose step is recorded."""
    Draft(scope, name, own).drop()
    _turn(name)


def keep_standing(place: str) -> None:
    """At the end of a page or dialog: what a server would have to know to draw its forms again."""
    state = st.session_state
    opened: _Opened | None = state.get(_DIALOG)
    connection.keep(
        place,
        {
            "seen": state.get(_SEEN, {}),
            "rounds": state.get(_ROUNDS, {}),
            "forms": state.get(_FORMS, {}),
            "dialog": opened.name if opened else "",
            "dialog_seen": opened.seen if opened else {},
        },
    )


def _turn(name: str) -> None:
    """Give the fields of a form new keys, so that they are empty."""
    rounds: dict[str, int] = st.session_state.setdefault(_ROUNDS, {})
    rounds[name] = rounds.get(name, 0) + 1


def _in_words(changed: Changed, file: CustomerFile) -> list[words.Markdown]:
    """Who recorded what, and when, oldest first."""
    if changed.events and changed.events[0].customer_id == PROVIDER:
        told = [(e, registry.describe(e, file.agreement)) for e in changed.events]
    else:
        said = history.in_words(changed.events, file)
        told = [(e, i.what) for e, i in zip(changed.events, said, strict=True)]
    return [
        md("- {}: {} ({})", words.person(file, e.actor), what, words.minute(e.recorded_at))
        for e, what in told
    ]


def _meanwhile(changed: Changed, file: CustomerFile) -> None:
    said = [
        md("**Someone else changed this meanwhile.** Nothing of yours is recorded yet.\n"),
        *_in_words(changed, file),
        "",
        "Look again at what your step would do now, then press once more.",
    ]
    st.warning(words.lines(said), icon=":material/sync_problem:")


# --- a form --------------------------------------------------------------------------------------


class Labelled(TypedDict):
    """What a field of a form is given that no draft keeps."""

    label: words.Markdown
    key: str


class Field(Labelled):
    """What every other field of a form is given."""

    on_change: Callable[[str, str], None]
    args: tuple[str, str]


@dataclass
class Form:
    """The fields of one step, in a dialog or on the page itself."""

    scope: Scope
    name: str
    """`page.step.number`; the numbers tell apart what a page shows several of."""
    about: str = ""
    """The key of the task it is a step of: `audits/12`."""
    then: Callable[[Receipt], str] | None = None
    """Called once the step is recorded; gives a sentence to add to the receipt, or none."""
    own: bool = False
    """It is sent to the provider's own ledger."""
    opened: _Opened | None = None
    """The dialog that the form stands in."""
    basis: str = ""
    """What the consequences on screen rest on: a press meant for other ones does not confirm these."""
    labels: dict[str, str] = field(default_factory=dict)
    told: st.delta_generator.DeltaGenerator | None = None
    """Where a refusal is shown; None: where the form has come to."""
    files: list[Chosen] = field(default_factory=list)
    """What is chosen in its uploaders: a file that did not arrive stops the sending."""
    others: list[tuple[str, Make, str]] = field(default_factory=list)
    leaves: list[tuple[str, Callable[[], object]]] = field(default_factory=list)
    begun: bool = False
    """Whether a field was drawn in this run."""

    @property
    def file(self) -> CustomerFile:
        """The customer, as it stands now."""
        return self.scope.file

    @property
    def seen(self) -> Mapping[str, int]:
        """The last sequence of each ledger that the person had before their eyes."""
        if self.opened:
            return self.opened.seen
        seen: dict[str, int] = st.session_state.get(_SEEN, {})
        return seen

    def key(self, field: str) -> str:
        """The key of a field; another one once the step is recorded or the dialog opened anew."""
        rounds: dict[str, int] = st.session_state.get(_ROUNDS, {})
        return f"{self.name}.{rounds.get(self.name, 0)}.{field}"

    @property
    def draft(self) -> Draft:
        """What is typed in its fields and not sent yet."""
        return Draft(self.scope, self.name, self.own)

    def field(self, field: str, label: str) -> Field:
        """What a field is given; what was typed in it before is put back. `field`: what the rules call it
        in a refusal."""
        labelled, draft = self.labelled(field, label), self.draft
        key = labelled["key"]
        if not self.begun:
            self.begun = True
            if key not in st.session_state:
                draft.find()
            draft.show(self.discard, self.key("discard"))
        draft.fill(field, key)
        return Field(**labelled, on_change=draft.touched, args=(field, key))

    def labelled(self, field: str, label: str) -> Labelled:
        """What a field is given that no draft keeps, such as one for files."""
        self.labels[field] = label
        return Labelled(label=words.plain(label), key=self.key(field))

    def discard(self) -> None:
        """Take the draft away and empty the fields."""
        self.draft.drop()
        _turn(self.name)

    def on_screen(self) -> None:
        """Have the browser know, by the key of a button that was pressed, whose it is."""
        forms: dict[str, tuple[str, bool]] = st.session_state.setdefault(_FORMS, {})
        forms[connection.key_class(self.key(""))] = (self.name, self.own)

    def acknowledged(self) -> str:
        """The key of an acknowledgement: given for what the person saw, so asked anew after a change."""
        return self.key(f"acknowledged_{self.seen.get(self.file.customer_id)}")

    def other(self, label: str, make: Make, icon: str) -> None:
        """In a dialog: a second step that can be confirmed in place of the first."""
        self.others.append((label, make, icon))

    def leave(self, label: str, act: Callable[[], object]) -> None:
        """In a dialog: a button that records nothing, does `act` and closes."""
        self.leaves.append((label, act))

    def button(
        self,
        label: str,
        make: Make,
        *,
        icon: str | None = None,
        primary: bool = True,
        disabled: bool = False,
        step: str = "send",
    ) -> None:
        """A button on the page that sends the step. `step`: tells several buttons of one form apart."""
        if self.told is None:
            self.told = st.container()
        self.on_screen()
        pressed = st.button(
            words.plain(label), key=self.key(step), icon=icon, type=_kind(primary), disabled=disabled
        )
        if pressed:
            self.submit(make)

    def submit(self, make: Make) -> None:
        """Record the step and draw the page anew, or say why not; what was typed stays then."""
        with self.told or contextlib.nullcontext():
            outcome = attempt(lambda: _record(self, make), self.labels)
            if isinstance(outcome, Changed):
                self._collided(outcome)
        if isinstance(outcome, _Told):
            self.discard()
            st.session_state[_TOLD] = outcome
            st.rerun()

    def _collided(self, changed: Changed) -> None:
        """Tell what others did; the next press answers to that."""
        if self.opened is None:
            _meanwhile(changed, self.file)
            return
        self.opened.changed = changed
        if changed.events:
            last = changed.events[-1]
            self.opened.seen[last.customer_id] = last.sequence
        st.rerun(scope="fragment")


def _kind(primary: bool) -> Literal["primary", "secondary"]:
    return "primary" if primary else "secondary"


def recorded(file: CustomerFile, kept: Kept = "step") -> None:
    """What pressing the button puts on record."""
    you, agreement = words.address(file.person.email), words.day(file.agreement.published)
    match kept:
        case "step":
            note("Recorded with this: you, {}, the time, and the agreement of {}.", you, agreement)
        case "instruction":
            note(
                "Recorded as a documented instruction (Art. 28(3)(a) GDPR): "
                "you, {}, the time, and the agreement of {}.",
                you,
                agreement,
            )
        case "role":
            note("Recorded with the person’s roles (Art. 32(4) GDPR): you, {}, and the time.", you)
        case "log":
            note("Written to the access log: you, {}, and the time.", you)


# --- a dialog ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dialog:
    """A step that is confirmed in a dialog."""

    title: str
    """Plain text; what somebody typed may be in it."""
    confirm: str
    """On the button."""
    fields: Callable[[Form], Make | None]
    """Draws what is asked for and what it brings about; None where nothing can be confirmed yet."""
    icon: str | None = None
    about: str = ""
    kept: Kept = "step"
    own: bool = False
    """It is sent to the provider's own ledger."""
    leave: str | None = None
    """On a button that closes the dialog; None: the cross does."""
    then: Callable[[Receipt], str] | None = None
    on_dismiss: Callable[[], None] | None = None
    since: int | None = None
    """The entry of the customer's ledger up to which the person knows it, where that is not this page's."""


def button(
    scope: Scope,
    label: str,
    name: str,
    dialog: Dialog,
    *,
    icon: str | None = None,
    kind: Literal["primary", "secondary", "tertiary"] = "secondary",
    help: str | None = None,
    width: Literal["content", "stretch"] = "content",
) -> None:
    """A button that opens a dialog."""
    st.button(
        words.plain(label),
        key=f"open.{name}",
        icon=icon,
        type=kind,
        help=words.plain(help) if help else None,
        width=width,
        on_click=open,
        args=[name],
    )
    declare(scope, name, dialog)


def declare(scope: Scope, name: str, dialog: Dialog) -> None:
    """The dialog of that name, which this page can open."""
    declared: tuple[Scope, dict[str, Dialog]] | None = st.session_state.get(_DECLARED)
    if declared is None or declared[0] is not scope:
        declared = st.session_state[_DECLARED] = (scope, {})
    declared[1][name] = dialog


def _show(scope: Scope, dialog: Dialog) -> None:
    opened: _Opened = st.session_state[_DIALOG]
    if dialog.since is not None:
        opened.seen[scope.file.customer_id] = dialog.since
    box = st.dialog(
        words.plain(dialog.title),
        width="medium",
        icon=dialog.icon,
        on_dismiss=partial(_dismissed, dialog.on_dismiss) if dialog.on_dismiss else "ignore",
    )
    box(lambda: _inside(scope, opened, dialog))()


def _dismissed(then: Callable[[], None]) -> None:
    """Do what closing asks for, and draw the page anew, not only where its dialogs are."""
    then()
    st.rerun()


def _inside(scope: Scope, opened: _Opened, dialog: Dialog) -> None:
    file = reopened(scope)
    for said in opened.said:
        st.info(words.plain(said), icon=":material/sync:")
    if opened.changed:
        _meanwhile(opened.changed, file)
    form = Form(replace(scope, file=file), opened.name, dialog.about, dialog.then, dialog.own, opened)
    make = dialog.fields(form)
    if make:
        recorded(file, dialog.kept)
    form.on_screen()
    form.told = st.container()
    with st.container(horizontal=True):
        pressed = st.button(
            words.plain(dialog.confirm),
            type="primary",
            icon=":material/task_alt:",
            disabled=make is None,
            key=form.key(f"confirm_{form.basis}"),
        )
        chosen = make if pressed else None
        for number, (label, other, icon) in enumerate(form.others):
            if st.button(words.plain(label), icon=icon, key=form.key(f"other_{number}")):
                chosen = other
        leaves = [(dialog.leave, bool)] if dialog.leave else []
        for number, (label, act) in enumerate([*leaves, *form.leaves]):
            if st.button(words.plain(label), key=form.key(f"leave_{number}")):
                act()
                st.rerun()
    keep_standing("dialog")
    if chosen:
        form.submit(chosen)


# --- recording, and the receipt ------------------------------------------------------------------


@dataclass(frozen=True)
class _Told:
    """What is said of a step once it is recorded. `number`: of its entry; empty where no ledger has one."""

    what: Sequence[str]
    number: str
    following: Sequence[str]


def _record(form: Form, make: Make) -> _Told | Changed:
    """Send the command through its door of the application."""
    for chosen in form.files:
        chosen.check()
    scope, command = form.scope, make()
    if isinstance(command, Done):
        return _Told([command.what], "", command.following)
    try:
        if isinstance(command, grants.GrantAccess | grants.RevokeAccess):
            return _change_access(form, command)
        if registry.by_command(type(command)) in registry.OF_PROVIDER:
            return _govern(form, command)
        before, seen = scope.file, form.seen.get(scope.file.customer_id, scope.file.sequence)
        receipt = scope.application.carry_out(before.person, before.customer_id, command, seen)
    except Changed as changed:
        return changed

    def look() -> _Told:
        after = _allowed(lambda: scope.application.open(before.person, before.customer_id)) or before
        events = after.reader.events(after=seen, upto=receipt.sequence)
        mine = [i.what for i in history.in_words(events, after)]
        return _Told(mine, "", what_follows(before, after, form.about))

    return _with_receipt(form, receipt, f"entry {receipt.sequence:,}", look)


def _govern(form: Form, command: Command) -> _Told:
    application, person = form.scope.application, form.file.person
    before, seen = application.open_provider(person), form.seen.get(PROVIDER, 0)
    receipt = application.govern(person, command, seen)

    def look() -> _Told:
        after = _allowed(lambda: application.open_provider(person)) or before
        events = [e for e in after.ledger.events(PROVIDER, after=seen) if e.sequence <= receipt.sequence]
        what = [registry.describe(e, after.agreement) for e in events]
        return _Told(what, "", what_follows_for_all(before, after, form.about))

    number = f"entry {receipt.sequence:,} of the provider’s own record"
    return _with_receipt(form, receipt, number, look)


def _change_access(form: Form, command: grants.ChangeAccess) -> _Told:
    receipt = form.scope.application.change_access(form.file.person, command)
    verb = "given to" if isinstance(command, grants.GrantAccess) else "taken away from"
    what = f"{grants.ROLES[command.role]} {verb} {grants.normal_email(command.email)}"
    number = f"change {receipt.sequence:,} of this person’s roles"
    return _Told([what], number, [*_added(form, receipt), "It counts from the person’s next click."])


def _added(form: Form, receipt: Receipt) -> list[str]:
    said = form.then(receipt) if form.then else ""
    return [said] if said else []


def _with_receipt(form: Form, receipt: Receipt, number: str, look: Callable[[], _Told]) -> _Told:
    """What is said of a step that is recorded. `look`: at what it brought about; the step stays recorded also
    where the store cannot be read any more by then."""
    added = _added(form, receipt)
    try:
        told = look()
    except StoreError:
        told = _Told([_NOT_READ], "", [_LATER])
    return replace(told, number=number, following=[*added, *told.following])


_NOT_READ = "it cannot be read back just now"
_LATER = "Load the page anew in a moment to see it and what follows."


def _allowed(look: Callable[[], T]) -> T | None:
    """A look at how things stand after a step; None where the step took the right to look."""
    with contextlib.suppress(Forbidden, SignInAgain):
        return look()
    return None


def what_follows(before: CustomerFile, after: CustomerFile, about: str = "") -> list[words.Markdown]:
    """What happens next after a step and by when: the tasks it opened, and those of the same thing.

    `about`: the key of the task that the step was of; none for what a step opens by itself.
    """
    known = tasks.open_tasks(before)
    found = [
        t for t in tasks.open_tasks(after) if t not in known or about in (t.key, f"{tasks.page(t)}/{t.entry}")
    ]
    whose = {"customer": after.name, "provider": after.agreement.processor.name, "both": "either side"}
    return _as_sentences(found, whose, after.now)


def what_follows_for_all(before: ProviderFile, after: ProviderFile, about: str = "") -> list[words.Markdown]:
    """The same for a step in the provider's own ledger, with what it brings every customer."""
    known = _of_all(before)
    found = [t for t in _of_all(after) if t not in known or t.key == about]
    provider = after.agreement.processor.name
    whose = {"customer": "Each customer", "provider": provider, "both": "either side"}
    return _as_sentences(tasks.in_order(found), whose, after.now)


def _of_all(provider: ProviderFile) -> list[Task]:
    """What waits for the provider by its own ledger, and what any customer is told of the list."""
    context = replace(provider.context, side="customer", changes=provider.state.sub_processors.published)
    found = [
        *registry.desk_tasks(provider.state, provider.context),
        *registry.tasks(CustomerState(), context),
    ]
    return [t for t in found if t.stands(provider.now)]


def _as_sentences(found: Sequence[Task], whose: Mapping[str, str], now: datetime) -> list[words.Markdown]:
    if not found:
        return [md("It counts from now on. Nothing waits for anybody because of it.")]
    return [_as_sentence(task, whose, now) for task in found]


def _as_sentence(task: Task, whose: Mapping[str, str], now: datetime) -> words.Markdown:
    """`Next, **Connectel AB**: Audit of Connectel AB · Accept the dates, by 8 Dec 2026 (in 14 days).`"""
    who = md("**{}**", whose[task.waits_for]) if task.waits_for else "by the calendar"
    if task.due is None:
        when = md(" (no date in the agreement)") if task.waits_for else ""
    else:
        when = md(", {} {}", "by" if task.waits_for else "on", tasks.when_and_distance(task, now))
    return md("Next, {}: {}{}.", who, tasks.what(task), when)


def receipt() -> None:
    """What was just recorded, its number, and what happens next and by when."""
    # A place of its own also while it is empty: what stands below, such as an open expander, keeps its own.
    place = st.container()
    told: _Told | None = st.session_state.pop(_TOLD, None)
    if told is None:
        return
    what = words.lines(told.what, "; ")
    said = md("Recorded as {}", told.number) if told.number else md("Done")
    place.success(
        words.lines([md("**{}:** {}.", said, what), *told.following], "  \n"), icon=":material/task_alt:"
    )
    # The page may be scrolled down to where the button was.
    st.toast(md("{}.", said), icon=":material/task_alt:")
