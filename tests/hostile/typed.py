"""What people might type, wherever they can.

A new text is a row of `ROWS`: with it, what must stand in no text that Streamlit takes for Markdown.
"""

from __future__ import annotations

from datetime import timedelta

from dpa_core.access import Person
from dpa_core.application import Application
from dpa_core.subjects import (
    assistance,
    audits,
    customers,
    data_return,
    grants,
    incidents,
    legal_duties,
    retention,
    reviews,
    sub_processor_audits,
    sub_processors,
)
from pages.parts import words
from tests.test_requests import act, govern

ROWS = {
    "![x](http:&sol;&sol;evil.example&sol;i)": "![x](",
    "[y](http://evil.example)": "[y](",
    "www.evil.example": "www.evil",
    "http://evil.example": "http://evil",
    "a@evil.example": "a@evil",
    ":material/home:": ":material/home:",
    ":smile:": ":smile:",
    ":red[r]": ":red[r",
    "$z$": "$z$",
    "<img src=//evil.example>": "<img",
    "*b*": " *b*",
    "~~d~~": " ~~d",
    "`c`": " `c`",
    "->": " -> ",
    "&copy;": " &copy;",
    "\u202e": "\u202e",
    "\u200b": "\u200b",
}
HOSTILE = " ".join(ROWS)
TITLES = [" ".join(list(ROWS)[n::2]) for n in range(2)]
"""All of it in two, each short enough for a title."""
NAME = "![x](http:&sol;&sol;evil.example) www.evil.example :material/home: *b*"
FILE = "![x](http:&sol;&sol;evil.example&sol;i) www.evil.example *b*.txt"


def everywhere(application: Application, operator: Person, admin: str, officer: str) -> None:
    """Open a customer that is called so, in which everybody types so wherever they can.

    `admin` and `officer`: addresses; the admin is given its role here.
    """
    application.open_customer(operator, customers.OpenCustomer("hostile", NAME))
    application.change_access(operator, grants.GrantAccess(admin, "customer_admin", "hostile"))
    application.change_access(
        operator, grants.GrantAccess("www.x@evil.example", "customer_reader", "hostile")
    )
    anna, eva, now = application.person(admin), application.person(officer), application.clock.now()
    file = application.attach(anna, "hostile", FILE, b"text")
    day = words.local_day(now) + timedelta(days=61)
    while day.weekday() > 3:
        day += timedelta(days=1)

    def given(command: object, who: Person = anna) -> int:
        return int(act(application, who, command, "hostile"))

    for title in TITLES:
        asked = given(assistance.RequestHelp("dpia", title, HOSTILE, files=(file,), cost_acknowledged=True))
    given(assistance.ProposeCost(asked, "5", "SEK", HOSTILE), eva)
    given(assistance.AnswerCost(asked, False, HOSTILE))
    given(assistance.ProposeDate(asked, day, HOSTILE), eva)
    given(legal_duties.TellLegalDuty(TITLES[0], HOSTILE), eva)
    given(audits.RequestAudit(day, day, HOSTILE, TITLES[0], auditor=NAME, cost_acknowledged=True))
    given(data_return.OrderData("return", ("contact",), HOSTILE, cost_acknowledged=True))
    held = given(retention.PlaceHold("chats", HOSTILE))
    given(assistance.FlagInstruction(held, HOSTILE, TITLES[1]), eva)
    given(reviews.RecordReview(HOSTILE, (reviews.Action(what=TITLES[1], side="customer", due=day),)), eva)
    given(sub_processor_audits.RequestSubProcessorAudit("openai", HOSTILE, HOSTILE))
    given(reviews.ProposeChanges({"voicebot": True}, HOSTILE), eva)

    def governed(command: object) -> int:
        return int(govern(application, eva, command))

    entry = sub_processors.DraftChange(
        "addition",
        name=NAME,
        purpose=TITLES[1],
        features=("voice",),
        new_place=(NAME, True),
        mechanisms=("scc",),
        reason=HOSTILE,
    )
    governed(sub_processors.PublishChange(governed(entry), day))
    governed(entry)
    number = governed(incidents.RecordIncident("breach", NAME, now, ("hostile",)))
    told = dict.fromkeys(incidents.ITEMS, HOSTILE)
    governed(incidents.NotifyCustomers(number, told, ("hostile",)))
