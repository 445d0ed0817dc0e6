"""
What has moved in the last day, and how often nobody was asked: counted where it is kept.

Rule: it is counted in the transaction that begins the next one, so that many at once get no more than one.
What is under way or unknown counts for as long as it is; only what certainly failed does not.
"""

from sqlalchemy import Connection, bindparam, func, or_, select

from stripe_mcp.currency import written
from stripe_mcp.errors import Refused
from stripe_mcp.safety.operations import Limit, Money, Write
from stripe_mcp.safety.store import operations as table

_DAY = 24 * 3600
_TEN_MINUTES = 600

_kept = table.c
OURS = or_(_kept.account == bindparam("account"), _kept.key == bindparam("key"))
_MOVED = select(func.sum(_kept.amount)).where(
    OURS,
    _kept.mode == bindparam("mode"),
    _kept.kind == bindparam("kind"),
    _kept.currency == bindparam("currency"),
    _kept.state != "failed",
    or_(_kept.finished.is_(None), _kept.finished > bindparam("since")),
)
_MOVED_FOR_ONE = _MOVED.where(_kept.customer == bindparam("customer"))
_UNASKED = select(func.count()).where(
    OURS,
    _kept.principal == bindparam("principal"),
    _kept.mode == bindparam("mode"),
    _kept.consent_way == "client",
    _kept.created > bindparam("since"),
)


class AllowanceUsed(Refused):
    """
    No further call may go without a person's yes for now.
    """

    def __init__(self) -> None:
        super().__init__("unasked", "too many such calls went without being asked.")


def check_limits(connection: Connection, write: Write, money: Money, limits: list[Limit], now: float) -> None:
    """
    Hold *money*, which *write* is about to move, to *limits*.

    Raises:
        Refused: It would be too much.
    """
    given = {"account": write.account, "key": write.key, "mode": write.mode, "since": now - _DAY}
    given |= {"kind": money.kind, "currency": money.currency}
    for limit in limits:
        query = _MOVED_FOR_ONE if limit.customer else _MOVED
        moved = int(connection.scalar(query, given | {"customer": limit.customer}) or 0)
        if moved + (money.amount or 0) > limit.most:
            left = written(max(limit.most - moved, 0), str(money.currency))
            raise Refused("limit", f"{limit.name} admits no more than {left} now. Do not split the amount.")


def check_unasked(connection: Connection, write: Write, most: int | None, now: float) -> None:
    """
    Hold *write*, of which nobody was asked, to the *most* of its kind in ten minutes. None: nobody counts.

    Raises:
        AllowanceUsed: There were as many.
    """
    whose = {name: getattr(write, name) for name in ("account", "key", "mode", "principal")}
    if most is None:
        return
    if int(connection.scalar(_UNASKED, whose | {"since": now - _TEN_MINUTES}) or 0) >= most:
        raise AllowanceUsed


def count_open(connection: Connection) -> dict[str, int]:
    """
    How many writes of each principal have an outcome that nobody knows.
    """
    query = (
        select(_kept.principal, func.count())
        .where(_kept.state.in_(("intent", "unknown")))
        .group_by(_kept.principal)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
