"""
Tries to prove who a caller is, counted for all processes together: nobody guesses for long.

Rule: a try is kept as a wrong one before anything is compared, and dropped when it proves right, so that
tries at the same time win no guess. Three wrong ones within an hour lock the customer for an hour, ten
the principal; what is tried during a lock does not prolong it.
"""

from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection, delete, insert, select

from stripe_mcp.safety.store import tries as table

_HOUR = 3600.0  # seconds
_MOST_OF_CUSTOMER = 3
_MOST_OF_PRINCIPAL = 10
_NOBODY = ""  # whose tries are not counted


@dataclass(frozen=True, slots=True)
class Try:
    """
    A try of *principal*'s at *customer*, at Unix seconds.
    """

    id: str
    principal: str
    account: str
    customer: str
    at: float


def begin(connection: Connection, new: Try) -> bool:
    """
    Keep *new*, as a wrong try so far; False if it is in vain, since its principal or customer is locked.
    """
    connection.execute(delete(table).where(table.c.at <= new.at - 2 * _HOUR))
    of_principal = _times(connection, new.account, principal=new.principal)
    of_customer = _times(connection, new.account, customer=new.customer)
    may_try = not _locks(of_principal, _MOST_OF_PRINCIPAL, new.at)
    may_guess = may_try and not _locks(of_customer, _MOST_OF_CUSTOMER, new.at)
    counted = replace(
        new,
        principal=new.principal if may_try else _NOBODY,
        customer=new.customer if may_guess else _NOBODY,
    )
    connection.execute(insert(table).values(asdict(counted)))  # always: writing takes time, which would show
    return may_guess


def drop(connection: Connection, old: Try) -> None:
    """
    Forget *old*: it was right, or nothing was compared.
    """
    connection.execute(delete(table).where(table.c.id == old.id))


def _times(connection: Connection, account: str, **whose: str) -> list[float]:
    same = [table.c[name] == value for name, value in whose.items()]
    query = select(table.c.at).where(table.c.account == account, *same).order_by(table.c.at)
    return list(connection.scalars(query))


def _locks(times: list[float], most: int, now: float) -> bool:
    """
    Whether *most* tries fell within an hour, less than an hour ago.
    """
    spans = zip(times, times[most - 1 :], strict=False)
    return any(last - first < _HOUR and now - last < _HOUR for first, last in spans)
