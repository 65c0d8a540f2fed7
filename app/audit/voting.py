"""What one more vote does to a question, and who has voted already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.domain.approval import STATE_OF_VOTE, Vote
from app.models.operations import Approval, ApprovalVote


def same_person(name: str) -> str:
    """One spelling for one person, so that nobody votes twice as `Ann` and `ann`."""
    return name.strip().casefold()


def vote_of_the_same(
    votes: Sequence[ApprovalVote], person: str, subject: str | None
) -> ApprovalVote | None:
    """An earlier vote of the same human being; None: there is none.

    Who is the same at the identity provider is, whatever the name has become. Who has the same name
    is taken to be, too: nobody gets a second vote by having another way in.
    """
    return next(
        (
            cast
            for cast in votes
            if cast.person == person or (subject is not None and cast.subject == subject)
        ),
        None,
    )


def count(row: Approval, vote: Vote, votes: int, now: datetime, grant_seconds: float) -> None:
    """Move a pending question on by its newest vote. Votes before it were all yeses."""
    if vote is Vote.APPROVE and votes < row.needed:
        return
    row.state, row.decided_at = STATE_OF_VOTE[vote], now
    if vote is Vote.APPROVE:
        row.granted_until = now + timedelta(seconds=grant_seconds)
