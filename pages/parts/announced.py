"""What is announced for the list of sub-processors, in a sentence, wherever someone decides.

Clauses: Sch. 2 1.1, Sch. 2 1.2
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dpa_core.views.notices import Notice
from pages.parts import show, words
from pages.parts.words import md


def of_feature(ahead: Sequence[Notice], feature: str) -> list[words.Markdown]:
    """What is announced for the sub-processors of one feature."""
    return [sentence(n) for n in ahead if n.concerns(feature)]


def of_features(ahead: Sequence[Notice], features: Iterable[str]) -> list[words.Markdown]:
    """What is announced for the sub-processors of several features, each change once."""
    wanted = tuple(features)
    return [sentence(n) for n in ahead if any(n.concerns(f) for f in wanted)]


def of_sub_processor(ahead: Sequence[Notice], id: str) -> list[words.Markdown]:
    """What is announced for one sub-processor: as it stands, or as it is to come."""

    def about(n: Notice) -> bool:
        entries = (n.effect.before, n.effect.after)
        return id in {s.id for s in entries if s} or id in n.published.change.engages

    return [sentence(n) for n in ahead if about(n)]


def sentence(notice: Notice) -> words.Markdown:
    """`From 23 Dec 2026 DeepGram is replaced by Talvox (EU/EEA); you may object until 22 Dec 2026.`"""
    if notice.held_back:
        day = words.day(notice.counts_at)
        return md(
            ":material/front_hand: Disputed: {}. From {} on it counts for others, not for you.",
            _what(notice),
            day,
        )
    until = md("")
    if notice.standing == "may_object":
        until = md("; you may object until {}", words.deadline(notice.objection_ends))
    return md(":material/schedule: From {} {}{}.", words.day(notice.counts_at), _what(notice), until)


def _what(notice: Notice) -> words.Markdown:
    before, after, then = notice.effect.before, notice.effect.after, notice.effect.then
    if feature := notice.published.change.feature:
        engaged = words.listed([s.name for s in then.sub_processors if feature.id in s.features])
        return md("there is a new feature {}, off at first, which engages {}", feature.name, engaged)
    if after is None:
        return md("{} goes", before.name if before else "")
    where = show.places(after, then)
    match notice.published.change.kind:
        case "addition" | "core_addition":
            return md("{} ({}) comes in", after.name, where)
        case "extension":
            return md("{} ({}) is used for more", after.name, where)
        case "replacement":
            return md("{} is replaced by {} ({})", before.name if before else "", after.name, where)
        case _:
            return md("the entry of {} changes ({})", after.name, where)
