"""How the pages look on which people sign in: plain HTML, without a script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

from dpa_core.web.headers import digest, policy

if TYPE_CHECKING:
    from dpa_core.demo import Persona

_STYLE = """
:root{color-scheme:light dark;--ink:#0d1116;--soft:#545d68;--line:#d5dae0;--back:#f5f7f9;--card:#fff;
--accent:#0b5cad;--on:#fff;--note:#eaf2fb;--bad:#fdecea;--bad-ink:#8c1d18}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#a5adb7;--line:#39424d;--back:#14181d;
--card:#1e242b;--accent:#2a74c7;--note:#1c2f45;--bad:#40201e;--bad-ink:#ffb4ab}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,
'Liberation Sans',sans-serif}
main{max-width:34rem;margin:10vh auto 2rem;padding:2rem;background:var(--card);border:1px solid var(--line);
border-radius:8px}
h1{font-size:1.7rem;font-weight:650;line-height:1.2;margin:0 0 .75rem}
p{margin:0 0 1rem}
.note,.bad{padding:.75rem 1rem;border-radius:6px;background:var(--note)}
.bad{background:var(--bad);color:var(--bad-ink)}
.button,button{display:block;width:100%;padding:.65rem 1rem;border:1px solid var(--accent);border-radius:6px;
background:var(--accent);color:var(--on);font:inherit;font-weight:600;text-align:center;text-decoration:none;
cursor:pointer;margin:0 0 .6rem}
.second{background:transparent;color:inherit;border-color:var(--line)}
.button:hover,button:hover{filter:brightness(1.08)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
label{display:block;font-weight:600;margin:0 0 .3rem}
input{width:100%;padding:.6rem .75rem;border:1px solid var(--soft);border-radius:6px;background:transparent;
color:inherit;font:inherit;margin:0 0 .6rem}
.or{color:var(--soft);margin:1.25rem 0 .75rem}
ul{list-style:none;margin:0 0 1rem;padding:0;font-size:.9rem}
li{padding:.35rem 0;border-top:1px solid var(--line);overflow-wrap:anywhere}
.soft{color:var(--soft);font-size:.9rem}
@media(max-width:480px){main{margin:0;min-height:100vh;border:0;border-radius:0;padding:1.5rem 1rem}}
"""
POLICY = policy(style_src=digest(_STYLE.encode()), form_action="'self'")
"""What a browser may load and send for these pages: their own style, and their own form."""
ABOUT = (
    "See which sub-processors touch your data and where, switch features, and set how long data is kept. "
    "Every change is a documented instruction under your Data Processing Agreement."
)


def document(title: str, body: str, status: int = 200, head: str = "") -> HTMLResponse:
    """A page of ours. `body` and `head` are HTML, in which every typed text is escaped already."""
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"{head}<title>{escape(title)}</title><style>{_STYLE}</style><main>{body}</main></html>",
        status_code=status,
        headers={"cache-control": "no-store", "content-security-policy": POLICY},
    )


def button(label: str, address: str, *, first: bool = True) -> str:
    """A link that looks like a button. `first`: whether it is the main thing to do."""
    return f"<a class='button{'' if first else ' second'}' href='{escape(address)}'>{escape(label)}</a>"


def notice(sentence: str, *, bad: bool) -> str:
    """What happened before. `bad`: whether something went wrong."""
    role, look = ("alert", "bad") if bad else ("status", "note")
    return f"<p class={look} role={role}>{escape(sentence)}</p>" if sentence else ""


def by_address(typed: str, wanted: str, problem: str) -> str:
    """The field for an e-mail address, by which one of several providers is found."""
    wrong = f"<p class=bad role=alert id=why>{escape(problem)}</p>" if problem else ""
    marks = " aria-invalid=true aria-describedby=why" if problem else ""
    return (
        f"<form action='/sign-in' method=get>{wrong}<label for=email>Your e-mail address</label>"
        f"<input id=email name=email type=email required autocomplete=email value='{escape(typed)}'{marks}>"
        f"<input type=hidden name=next value='{escape(wanted)}'><button>Continue</button></form>"
    )


def providers(buttons: Iterable[tuple[str, str]]) -> str:
    """Several providers to choose from: label and address of each."""
    listed = "".join(button(label, address, first=False) for label, address in buttons)
    return f"<p class=or>Or choose where you sign in:</p>{listed}"


def people(personas: Sequence[Persona]) -> str:
    """The demo's invented people."""
    listed = "".join(
        f"<li><b>{escape(p.name)}</b>, {escape(p.about)}<br><span class=soft>{escape(p.email)}</span>"
        for p in personas
    )
    return (
        "<p class=soft>This is a demo. The next page lists these invented people; click one to sign in.</p>"
        f"<ul>{listed}</ul>"
    )


def sign_in(parts: Iterable[str], contact: str) -> HTMLResponse:
    """The page on which everybody begins. `parts`: HTML, top to bottom."""
    ask = f"<p class=soft>No access, or it does not work? Ask {escape(contact)}.</p>"
    return document("Sign in · DPA Desk", f"<h1>DPA Desk</h1><p>{escape(ABOUT)}</p>{''.join(parts)}{ask}")


def unconfirmed(title: str, sentence: str, contact: str, again: str) -> HTMLResponse:
    """For an account that opens nothing, or not yet: whom to ask."""
    return document(
        f"{title} · DPA Desk",
        f"<h1>{escape(title)}</h1><p>{escape(sentence)}</p>"
        f"<p>Ask the admin of DPA Desk in your company, or {escape(contact)}.</p>"
        + button("Sign in with another account", again, first=False),
        status=403,
    )


def going_to(label: str, address: str) -> HTMLResponse:
    """Leads on by itself.

    No redirect: where a page says that its forms may be sent to this server only, browsers refuse a form
    whose answer redirects to another one. Standard: Content Security Policy Level 3, 6.4.1 (form-action)
    """
    return document(
        f"{label} · DPA Desk",
        f"<h1>You sign in at {escape(label)}</h1>" + button(f"Go on to {label}", address),
        head=f"<meta http-equiv=refresh content='0;url={escape(address)}'>",
    )


def really_sign_out() -> HTMLResponse:
    """Another site led here: the person decides."""
    return document(
        "Sign out · DPA Desk",
        "<h1>Sign out of DPA Desk?</h1><p>Another site led you here. You are still signed in.</p>"
        + button("Sign out", "/auth/logout")
        + button("Stay signed in", "/", first=False),
    )
