"""What the request pages share: sending a step, dialogs, attachments, conversations and due dates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from dpa_core.access import Forbidden
from dpa_core.files import ENDINGS
from dpa_core.office import PROVIDER, Changed, Instruction, OwnCommand, ProviderFile, Refusal, StoreError
from dpa_core.subjects import describe_provider
from dpa_core.subjects.common import FileRef, Said
from dpa_core.views import history
from pages.parts import download, show, words
from pages.parts.scope import Scope

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

_SEEN, _TURN, _OPEN, _DONE = "steps.seen", "steps.turn", "steps.open", "steps.done"


# --- what the person had before their eyes -------------------------------------------------------


def saw(scope: Scope, provider: ProviderFile | None = None) -> None:
    """Remember, at the end of a page, how things stood when it was drawn. A step answers to that."""
    seen = {scope.file.customer_id: scope.file.sequence}
    if provider:
        seen[PROVIDER] = provider.sequence
    st.session_state[_SEEN] = seen
    if st.session_state.pop(_DONE, False):
        # Said here and not where it was done: a toast of a run that is cut short may never be seen.
        st.toast("Recorded.", icon=":material/task_alt:")


def turn(name: str) -> str:
    """Prefix for the keys of a form's fields; another one once its step is recorded, so that the fields
    are empty then, and only then."""
    turns = st.session_state.setdefault(_TURN, {})
    return f"{name}.{turns.get(name, 0)}"


def send(scope: Scope, name: str, make: Callable[[], Instruction]) -> None:
    """Carry out a step in the customer's matters, or say why not. `make` may attach files first."""
    _send(
        scope,
        name,
        lambda seen: scope.office.carry_out(scope.file.person, scope.file.customer_id, make(), seen),
    )


def govern(scope: Scope, name: str, make: Callable[[], OwnCommand]) -> None:
    """Carry out a step in the provider's own matters, or say why not."""
    _send(scope, name, lambda seen: scope.office.govern(scope.file.person, make(), seen), PROVIDER)


def _send(scope: Scope, name: str, act: Callable[[int], object], ledger: str | None = None) -> None:
    ledger = ledger or scope.file.customer_id
    seen: dict[str, int] = st.session_state.get(_SEEN, {})
    try:
        act(seen.get(ledger, 0 if ledger == PROVIDER else scope.file.sequence))
    except Refusal as problem:
        show.refusal(problem)
    except (Forbidden, StoreError) as problem:
        st.error(words.plain(str(problem)), icon=":material/error:")
    except Changed as changed:
        _meanwhile(scope, ledger, changed)
    else:
        turns = st.session_state.setdefault(_TURN, {})
        turns[name] = turns.get(name, 0) + 1
        st.session_state[_DONE] = True
        st.rerun()


def _meanwhile(scope: Scope, ledger: str, changed: Changed) -> None:
    if ledger == PROVIDER:
        lines = [f"{words.address(e.actor)}: {words.plain(describe_provider(e))}" for e in changed.events]
    else:
        told = history.in_words(changed.events, scope.file)
        lines = [f"{words.address(e.actor)}: {words.plain(e.what)}" for e in told]
    st.warning(
        "**Someone else changed this meanwhile.** Nothing of yours is recorded yet. "
        "Look again, then press once more.\n" + "\n".join(f"- {line}" for line in lines),
        icon=":material/sync_problem:",
    )
    if changed.events:
        st.session_state[_SEEN] = {**st.session_state.get(_SEEN, {}), ledger: changed.events[-1].sequence}


# --- dialogs -------------------------------------------------------------------------------------


def open_button(label: str, name: str, *, icon: str | None = None, primary: bool = False) -> None:
    """A button that opens the dialog of that name."""
    kind = "primary" if primary else "secondary"
    st.button(label, key=f"open.{name}", icon=icon, type=kind, on_click=_open, args=[name])


def _open(name: str) -> None:
    st.session_state[_OPEN] = name


def opened() -> str | None:
    """The name of the dialog to be drawn in this run, once."""
    name: str | None = st.session_state.pop(_OPEN, None)
    return name


def dialog(
    scope: Scope,
    name: str,
    title: str,
    label: str,
    fields: Callable[[str], Callable[[], Instruction]],
) -> None:
    """A dialog over the customer's matters: `fields` draws it and gives what makes the command."""

    def act(prefix: str) -> None:
        make = fields(prefix)
        _confirm(scope, label, lambda: send(scope, name, make))

    st.dialog(title, width="medium")(act)(turn(name))


def own_dialog(
    scope: Scope,
    name: str,
    title: str,
    label: str,
    fields: Callable[[str], Callable[[], OwnCommand]],
) -> None:
    """The same over the provider's own matters."""

    def act(prefix: str) -> None:
        make = fields(prefix)
        _confirm(scope, label, lambda: govern(scope, name, make))

    st.dialog(title, width="medium")(act)(turn(name))


def _confirm(scope: Scope, label: str, act: Callable[[], None]) -> None:
    recorded(scope)
    if st.button(label, type="primary", icon=":material/task_alt:"):
        act()


def recorded(scope: Scope) -> None:
    """What pressing the button puts on record."""
    st.caption(
        f"Recorded with this: you, {words.address(scope.file.person.email)}, the time, and the agreement of "
        f"{words.day(scope.file.agreement.published)}."
    )


# --- files ---------------------------------------------------------------------------------------


def uploads(scope: Scope, key: str, label: str = "Files (optional)") -> list[UploadedFile]:
    """A field for files to attach."""
    limit = scope.office.files.limit
    return st.file_uploader(
        label,
        accept_multiple_files=True,
        key=key,
        # A little more than is taken, so that a file just too large is refused in our words.
        max_upload_size=limit // 1_000_000 + 5,
        help=f"{', '.join(ENDINGS)}; up to {words.size(limit)} each. Checked when you send.",
    )


def attach(scope: Scope, files: Iterable[UploadedFile], *, own: bool = False) -> tuple[FileRef, ...]:
    """Keep the chosen files. `own`: in the provider's own matters. Raises Refusal, StoreError."""
    customer_id = None if own else scope.file.customer_id
    return tuple(scope.office.attach(scope.file.person, customer_id, f.name, f.getvalue()) for f in files)


def files(scope: Scope, refs: Iterable[FileRef], key: str) -> None:
    """Attached files, each to be downloaded."""
    for number, ref in enumerate(refs):
        download.button(
            scope,
            f"{ref.name} ({words.size(ref.size)})",
            lambda ref=ref: scope.file.attached(ref.sha256),  # type: ignore[misc]
            key=f"{key}.{number}",
            icon=":material/attach_file:",
        )


# --- what is shown -------------------------------------------------------------------------------


def conversation(scope: Scope, said: Sequence[Said], key: str) -> None:
    """What was said, oldest first, each with its side in words and icon."""
    for number, message in enumerate(said):
        mine = message.side == "customer"
        name = scope.file.name if mine else scope.file.agreement.processor.name
        icon = ":material/person:" if mine else ":material/support_agent:"
        with st.container(border=True, gap="xsmall"):
            st.markdown(
                f"{icon} **{words.plain(name)}** · {words.address(message.by)} · {words.minute(message.at)}"
            )
            st.text(message.text)
            files(scope, message.files, f"{key}.{number}")


def last_day(due: datetime) -> datetime:
    """A moment on the last day before a period is over, to be shown as its day."""
    return due - timedelta(microseconds=1)


def due(at: datetime | None, now: datetime, *, hours: bool = False) -> None:
    """Until when, and whether that is over: word, icon and colour. `hours`: show the minute."""
    if at is None:
        st.badge("No date in the agreement", icon=":material/event:", color="gray")
        return
    when = words.minute(at) if hours else words.day(last_day(at))
    if now >= at:
        st.badge(f"Overdue since {when}", icon=":material/warning:", color="red")
        return
    left = at - now
    if hours and left < timedelta(days=4):
        whole = int(left.total_seconds() // 3600)
        minutes = int(left.total_seconds() % 3600 // 60)
        note = f"{whole} h {minutes:02d} min left"
    else:
        note = words.distance(last_day(at), now)
    soon = left < timedelta(days=3)
    icon = ":material/alarm:" if soon else ":material/schedule:"
    st.badge(f"Due {when} ({note})", icon=icon, color="orange" if soon else "blue")
