"""A course of steps of one subject, each decided and folded at the moment the test has reached."""

from datetime import timedelta

import pytest

from dpa_core.subjects.common import Refusal
from tests.conftest import NOW, VERSION, recorded
from tests.frozen import frozen_agreements

AGREEMENT = frozen_agreements()[VERSION]
TICK = timedelta(microseconds=1)


class Course:
    """`decide(command, state, now, side)` gives what is to be recorded, `evolve` folds it."""

    def __init__(self, state, decide, evolve, at=NOW):
        self.state, self.decide, self.evolve, self.now = state, decide, evolve, at
        self.sequence = 0

    def go(self, command, side="customer"):
        """Take a step; gives the sequence of its last event."""
        drafts = self.decide(command, self.state, self.now, side)
        behalf = "nordfrakt" if side == "customer" else "processor"
        actor = "anna" if side == "customer" else "eva"
        for event in recorded(drafts, self.now, after=self.sequence, actor=actor, behalf=behalf):
            self.state = self.evolve(self.state, event)
            self.sequence = event.sequence
        return self.sequence

    def refused(self, command, side="customer"):
        """The refusal of a step, which leaves everything as it was."""
        with pytest.raises(Refusal) as caught:
            self.decide(command, self.state, self.now, side)
        assert caught.value.remedy
        return caught.value

    def until(self, at):
        """Let time pass."""
        assert at >= self.now
        self.now = at
        return self
