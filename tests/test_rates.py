"""
That a flood of calls waits here, and no longer than Stripe's limits need.
"""

from collections.abc import Callable
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.rates import Rates
from stripe_mcp.request import StripeRequest


def to(route: str) -> StripeRequest:
    return StripeRequest("GET", route, route)


ROUTES = [to(f"/v1/route_{letter}") for letter in "abcdefghijklmnop"]
BALANCE, CHARGES, SEARCH = to("/v1/balance"), to("/v1/charges"), to("/v1/charges/search")

# What each limit admits in a second, and traffic that meets no other limit before it.
LIMITS: dict[str, tuple[bool, int, Callable[[int], StripeRequest]]] = {
    "account, live": (True, 100, lambda number: ROUTES[number % len(ROUTES)]),
    "account, test": (False, 25, lambda number: ROUTES[number % len(ROUTES)]),
    "endpoint, live": (True, 25, lambda number: BALANCE),
    "endpoint, test": (False, 25, lambda number: BALANCE),
    "search, live": (True, 20, lambda number: SEARCH),
    "search, test": (False, 20, lambda number: SEARCH),
}
SECONDS = st.one_of(st.just(0.0), st.floats(0, 0.05), st.floats(0, 3))
# Seconds between two calls; in phases, for a list of single gaps would hardly ever outgrow a burst.
GAPS = st.lists(st.tuples(st.integers(1, 150), SECONDS), min_size=1, max_size=6).map(
    lambda phases: [gap for calls, gap in phases for _ in range(calls)]
)


def wait_for(rates: Rates, request: StripeRequest, now: float) -> float:
    wait = rates.reserve(request, now)
    assert wait is not None
    return wait


def departures(rates: Rates, calls: list[tuple[StripeRequest, float]]) -> list[float]:
    return sorted(now + wait_for(rates, request, now) for request, now in calls)


@pytest.mark.parametrize("limit", LIMITS)
@given(gaps=GAPS)
def test_in_no_second_does_more_go_out_than_the_rate_and_the_burst(limit: str, gaps: list[float]) -> None:
    """
    The burst is a second's worth, so twice the rate is the most that one second can see.
    """
    live, rate, request = LIMITS[limit]
    calls = [(request(number), now) for number, now in enumerate(accumulate(gaps, initial=1000.0))]
    out = departures(Rates(live=live), calls)
    for first, last in zip(out, out[2 * rate :], strict=False):
        assert last - first >= 1 - 1e-6


@pytest.mark.parametrize("limit", LIMITS)
@given(gaps=GAPS)
def test_once_the_burst_is_spent_calls_leave_evenly_at_the_rate(limit: str, gaps: list[float]) -> None:
    live, rate, request = LIMITS[limit]
    rates = Rates(live=live)
    for number in range(rate):
        rates.reserve(request(number), 1000.0)
    times = enumerate(accumulate(gaps, initial=1000.0))
    waiting = [(now, wait_for(rates, request(number), now)) for number, now in times]
    for (before, waited), (now, wait) in pairwise(waiting):
        if waited and wait:
            assert now + wait - (before + waited) == pytest.approx(1 / rate)


@pytest.mark.parametrize("limit", LIMITS)
@given(crowd=st.integers(0, 300))
def test_nobody_waits_longer_than_the_crowd_before_him_needs(limit: str, crowd: int) -> None:
    live, rate, request = LIMITS[limit]
    rates = Rates(live=live)
    for number in range(crowd):
        rates.reserve(request(number), 1000.0)
    wait = rates.reserve(request(crowd), 1000.0)
    assert wait == pytest.approx(max(0.0, (crowd + 1 - rate) / rate), abs=1e-6)


@given(
    phases=st.lists(
        st.tuples(st.sampled_from([*ROUTES[:4], SEARCH]), st.integers(1, 60), SECONDS), min_size=1, max_size=8
    ),
    live=st.booleans(),
)
def test_mixed_traffic_never_gets_ahead_of_any_limit(
    phases: list[tuple[StripeRequest, int, float]], live: bool
) -> None:
    """
    Counted from the start: by any time, no more has gone out than the burst and the rate since then.
    """
    rates, now = Rates(live=live), 1000.0
    out: list[tuple[float, StripeRequest]] = []
    for request, calls, gap in phases:
        for _ in range(calls):
            now += gap
            out.append((now + wait_for(rates, request, now), request))
    for limit, counted in [(100 if live else 25, None), (20, SEARCH), *((25, route) for route in ROUTES[:4])]:
        times = sorted(time for time, request in out if counted in (None, request))
        for number, time in enumerate(times, start=1):
            assert number <= limit * (1 + time - 1000.0) + 1e-6


@pytest.mark.parametrize("limit", LIMITS)
def test_a_quiet_second_brings_the_burst_back(limit: str) -> None:
    live, rate, request = LIMITS[limit]
    rates = Rates(live=live)
    for number in range(rate):
        assert rates.reserve(request(number), 1000.0) == pytest.approx(0)
    assert rates.reserve(request(0), 1000.0) == pytest.approx(1 / rate)
    assert [rates.reserve(request(number), 1002.1) for number in range(rate)] == pytest.approx([0] * rate)


def test_a_busy_endpoint_does_not_hold_up_the_others() -> None:
    """
    R27.
    """
    rates = Rates(live=True)
    waits = [rates.reserve(SEARCH, 0.0) for _ in range(60)]
    assert waits[-1] == pytest.approx(2.0)
    assert rates.reserve(CHARGES, 0.0) == 0


def test_methods_of_one_path_are_endpoints_of_their_own_and_objects_are_not() -> None:
    rates = Rates(live=True)
    route = "/v1/customers/{customer_id}"
    for number in range(25):
        wait = rates.reserve(StripeRequest("GET", route, f"/v1/customers/cus_{number}"), 0.0)
        assert wait == pytest.approx(0)
    assert rates.reserve(StripeRequest("POST", route, "/v1/customers/cus_1"), 0.0) == 0
    assert rates.reserve(StripeRequest("DELETE", route, "/v1/customers/cus_1"), 0.0) == 0
    assert rates.reserve(StripeRequest("GET", route, "/v1/customers/cus_99"), 0.0) == pytest.approx(1 / 25)


@pytest.mark.parametrize("limit", LIMITS)
@given(crowd=st.integers(0, 300), patience=st.floats(0, 10))
def test_who_is_not_willing_to_wait_takes_no_place(limit: str, crowd: int, patience: float) -> None:
    live, _, request = LIMITS[limit]
    rates, same = Rates(live=live), Rates(live=live)
    for number in range(crowd):
        rates.reserve(request(number), 1000.0)
        same.reserve(request(number), 1000.0)
    wait = rates.reserve(request(crowd), 1000.0, patience)
    if wait is None:
        assert rates.reserve(request(crowd), 1000.0) == same.reserve(request(crowd), 1000.0)
    else:
        assert wait <= patience
