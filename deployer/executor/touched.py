"""
One rule of a run: what it was before, what we made of it, and what a request without an answer may still make of it.

The same value is built by an apply as it goes and by a recovery from the journal, so that there is one undo for both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from deployer.core.change import Action, Change
from deployer.core.outcomes import Status
from deployer.core.ports import Body
from deployer.executor.images import NOTHING, image, says_the_same, stale_fields, switched


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of somebody else that a write of ours took away; it is reported, whatever becomes of the run."""

    status: Status
    detail: str
    removed: Body | None = None


UNSEEN_DELETE: Final = Loss(Status.UNVERIFIED_DELETE, "deleted, but no answer showed its last content")


@dataclass(frozen=True, slots=True)
class Write:
    """
    A write whose outcome is not known yet: the image that it makes, whether it is more than a flip, and for a PUT the
    highest revision that it leads to if nobody else writes.
    """

    post: str
    content: bool
    revision: int | None = None


@dataclass(slots=True)
class Touched:
    """
    What is known of one rule. `before` is its before-image: the body as read right before our first write (None: there
    was none). `live` is the body that we last saw. `settled` is the image after the last write whose outcome is known,
    `unanswered` has later writes, by journal number, that may or may not have happened. `ghost` is the monotonic time
    of a send whose answer did not come, as long as it may still land.
    """

    rule_id: str
    change: Change
    before: Body | None = None
    before_image: str = NOTHING
    live: Body | None = None
    settled: str = NOTHING
    unanswered: dict[int, Write] = field(default_factory=dict)
    ghost: float | None = None
    reached: bool = False  # a write was sent, whatever became of it
    kept: bool = False  # left out of the transaction (conflict = "skip")
    removed: list[Body] = field(default_factory=list)  # bodies that a DELETE of ours took away and that were not ours
    _content: bool = False
    _flip: bool = False
    _live_image: str = ""  # of `live`, "" as long as nobody asked

    @classmethod
    def of(cls, change: Change, live: Body | None) -> Touched:
        """Return a rule as it was read before anything was written."""
        rule = cls(change.rule_id, change)
        rule.saw_before(live)
        return rule

    def saw_before(self, live: Body | None) -> None:
        """Take a body as the before-image: nothing of ours is live in it."""
        self.before, self.live = live, live
        self.before_image = self.settled = self._live_image = image(live)

    def signed_off(self, live: Body | None) -> None:
        """Take the rule as it is: a person accepted it, and there is nothing to undo."""
        self.unanswered.clear()
        self.saw_before(live)

    @property
    def pristine(self) -> bool:
        """Whether the rule is as before, as far as outcomes are known."""
        return self.settled == self.before_image

    @property
    def sent(self) -> bool:
        """Whether a write of ours is, or may be, live."""
        return not self.pristine or bool(self.unanswered)

    @property
    def wrote(self) -> bool:
        """Whether content of ours is, or may have been, live."""
        return self._content or any(write.content for write in self.unanswered.values())

    @property
    def flipped(self) -> bool:
        """Whether we have, or may have, switched the rule."""
        return self._flip or any(not write.content for write in self.unanswered.values())

    @property
    def ours(self) -> frozenset[str]:
        """The images that this rule may have without anybody else having touched it."""
        return frozenset((self.settled, *(write.post for write in self.unanswered.values())))

    def intend(self, number: int, write: Write) -> None:
        """Note a write that is about to be sent."""
        self.unanswered[number] = write

    def image_of(self, body: Body | None) -> str:
        """Return the image of a body; that of `live`, and of one that says the same, is worked out once."""
        found = self._known_image(body) or image(body)
        if body is self.live:
            self._live_image = found
        return found

    def _known_image(self, body: Body | None) -> str:
        """Return the image of a body where that of `live` tells it, "" where it has to be worked out."""
        if not self._live_image or self.live is None or body is None:
            return ""
        if body is self.live:
            return self._live_image
        enabled = bool(body.get("enabled"))
        return switched(self._live_image, enabled=enabled) if says_the_same(body, self.live) else ""

    def settle(self, number: int, live: Body | None, seen: str, *, exact: bool = False) -> None:
        """
        Note that a write happened and left the rule so; the writes before it are answered with it. `exact` says that
        `seen` is the image of this very body, and not only that of our part in it.
        """
        self._live_image = seen if exact else self._known_image(live)
        self.settled, self.live, self.ghost = seen, live, None
        for earlier in [n for n in self.unanswered if n <= number]:
            write = self.unanswered.pop(earlier)
            self._content, self._flip = self._content or write.content, self._flip or not write.content

    def recognise(self, live: Body | None) -> Loss | None:
        """
        Learn from a read which unanswered writes happened: those up to the one whose image the rule has. Where
        somebody edited the rule since, the last one is taken to have happened: what is live is then not ours. But an
        edit of a rule in which nothing is ours was made before us: it belongs to the before-image.

        Returns what such a write may have taken away unseen.
        """
        seen, loss = image(live), None
        matching = [number for number, write in self.unanswered.items() if write.post == seen]
        if matching:
            loss = self._loss(max(matching), live)
            self.settle(max(matching), live, seen)
        elif self.unanswered and self.pristine and self.nothing_of_ours(live):
            self.saw_before(live)
        elif self.unanswered and seen not in (self.settled, self.before_image):
            last = max(self.unanswered)
            self.settle(last, live, self._taken_for(last, live, seen))
        self.live, self._live_image = live, seen
        return loss

    def _taken_for(self, last: int, live: Body | None, seen: str) -> str:
        """
        Return the image after the last unanswered write of a rule that somebody edited since. One of Elastic's shows it
        by the fields that we set: a PATCH sits beside their content, whatever became of that.
        """
        if not self.change.prebuilt or live is None:
            return self.unanswered[last].post
        return seen if self.change.differs_from_before(live) else self.before_image

    def _loss(self, number: int, live: Body | None) -> Loss | None:
        if live is None:
            return UNSEEN_DELETE
        writes = [write for n, write in self.unanswered.items() if n <= number]
        highest = max((write.revision for write in writes if write.revision is not None), default=None)
        if highest is None or not isinstance(live.get("revision"), int) or live["revision"] <= highest:
            return None
        found = f"revision {live['revision']} instead of {highest}"
        return Loss(Status.LOST_UPDATE, f"somebody wrote it just before us, {found}: that edit is gone")

    def drop(self, number: int) -> None:
        """Note that a write did not happen, and will not."""
        self.unanswered.pop(number, None)

    def drop_all_but(self, number: int) -> None:
        """Note that of the unanswered writes only this one may still happen: the horizon of the others is over."""
        self.unanswered = {n: write for n, write in self.unanswered.items() if n == number}
        self.ghost = None

    def nothing_of_ours(self, live: Body | None) -> bool:
        """
        Say whether a rule that somebody edited carries nothing that we wrote: every planned field has its before. Then
        there is nothing to undo, and the edit stays.
        """
        if live is None or self.before is None:
            return False
        if self.change.action in (Action.DELETE, Action.RECREATE):
            return live.get("id") == self.before.get("id")
        if self.change.marker or self.change.adopts:
            return False
        return not stale_fields(self.change, live)
