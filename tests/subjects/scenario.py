"""A scenario: steps of one subject, each decided and folded at the moment the test has reached."""

from datetime import timedelta

import pytest

from dpa_core.subjects.common import Refusal
from dpa_core.subjects.subject import Context
from tests.conftest import NOW, VERSION, recorded
from tests.frozen import frozen_agreements

AGREEMENT = frozen_agreements()[VERSION]
TICK = timedelta(microseconds=1)


class Scenario:
    """`subject`: the declared one. `facts`: what its decisions rest on of other subjects (`Context`)."""

    def __init__(self, subject, at=NOW, agreement=AGREEMENT, **facts):
        self.subject, self.agreement, self.facts = subject, agreement, facts
        self.state, self.now, self.sequence = subject.state(), at, 0

    def context(self, side="customer", **facts):
        """What a decision of that side rests on now."""
        return Context(self.agreement, self.now, side, "nordfrakt", self.sequence, **{**self.facts, **facts})

    def side_of(self, command):
        """The side that gives a command, where no test says otherwise: the customer if it may."""
        return command.by[0]

    def decided(self, command, side=None):
        """What a step would record. Raises Refusal."""
        return self.subject.decide(command, self.state, self.context(side or self.side_of(command)))

    def go(self, command, side=None):
        """Take a step; gives the sequence of its last event."""
        side = side or self.side_of(command)
        behalf = "nordfrakt" if side == "customer" else "processor"
        actor = "anna" if side == "customer" else "eva"
        drafts = self.decided(command, side)
        for event in recorded(drafts, self.now, after=self.sequence, actor=actor, behalf=behalf):
            self.state = self.subject.evolve(self.state, event)
            self.sequence = event.sequence
            assert self.subject.describe(event, self.agreement) != event.kind
        return self.sequence

    def attempt(self, command, side=None):
        """Take a step where it is accepted; gives whether it was."""
        try:
            self.go(command, side)
        except Refusal:
            return False
        return True

    def accepts(self, command, side=None):
        """Whether a step would be accepted."""
        try:
            self.decided(command, side)
        except Refusal:
            return False
        return True

    def refused(self, command, side=None):
        """The refusal of a step, in words that leave no gap; everything stays as it was."""
        with pytest.raises(Refusal) as caught:
            self.decided(command, side)
        assert caught.value.message
        assert caught.value.remedy
        return caught.value

    def until(self, at):
        """Let time pass."""
        assert at >= self.now
        self.now = at
        return self

    def open_tasks(self, side="customer"):
        """What is open now: for whom, and the next step in words."""
        context = self.context(side)
        found = [*self.subject.tasks(self.state, context), *self.subject.notices(self.state, context)]
        return [(t.waits_for, self.subject.step_of(t)) for t in found if t.stands(self.now)]

    def check_steps(self, item, examples):
        """What `steps_open` offers for an item, decide accepts; what it does not offer, decide refuses.

        `examples`: a command of every step, with nothing wrong in it but perhaps its time.
        """
        for side in ("customer", "provider"):
            offered = self.subject.steps_open(item, self.state, self.context(side))
            assert set(offered) <= {type(command) for command in examples}
            for command in examples:
                try:
                    self.subject.decide(command, self.state, self.context(side))
                except Refusal as refusal:
                    assert type(command) not in offered, f"{side}: {command} is offered, but {refusal}"
                else:
                    assert type(command) in offered, f"{side}: {command} is accepted, but not offered"
