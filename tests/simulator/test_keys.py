"""
Whose key opens what: modes, accounts, and what a restricted key may do.
"""

import re
from typing import Any

import pytest

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.simulator.account import ACCOUNTS
from stripe_mcp.simulator.keys import PERMISSIONS, permission_for
from stripe_mcp.simulator.routes import ROUTES
from tests.simulator.rehearsal import BAKERY, CHARGE, LIVE, Rehearsal

pytestmark = pytest.mark.anyio

CATALOG = load_catalog(builtin_folder()).templates
READS = [template for template in CATALOG.values() if template.request.method == "GET"]


def anonymous(path: str) -> str:
    """
    A path whose ids have no names: the catalog calls them otherwise than Stripe.
    """
    return re.sub(r"\{\w+\}", "{}", path)


OPERATIONS = {
    f"{method} {anonymous(path)}": route.operation
    for route in ROUTES.values()
    for method, path in [route.operation.split(" ")]
}


@pytest.mark.parametrize("name", CATALOG)
def test_a_tool_and_the_simulator_name_the_same_permission(name: str) -> None:
    request = CATALOG[name].request
    operation = OPERATIONS[f"{request.method} {anonymous(request.path)}"]
    assert permission_for(operation) == CATALOG[name].permission


@pytest.mark.parametrize("operation", OPERATIONS.values())
def test_every_operation_has_a_permission_that_can_be_given(operation: str) -> None:
    assert permission_for(operation) in PERMISSIONS


async def test_a_restricted_key_may_do_what_it_was_made_for_and_nothing_else() -> None:
    shop = Rehearsal()
    key = await shop.key(permissions=["rak_charge_read", "rak_customer_write"])
    assert key["Authorization"].startswith("Bearer rk_test_")
    assert (await shop.send("GET", "charges", headers=key)).status_code == 200
    assert (await shop.send("GET", "customers", headers=key)).status_code == 200
    assert (await shop.send("POST", "customers", {}, key)).status_code == 200
    before = await shop.ids("refunds")
    refused = await shop.send("POST", "refunds", CHARGE, key)
    error = refused.json()["error"]
    assert (refused.status_code, error["type"], "code" in error) == (403, "invalid_request_error", False)
    assert "'rak_charge_write'" in error["message"]
    assert "acct_1PineStreetCoffee" in error["message"]
    assert key["Authorization"][-4:] in error["message"]
    assert key["Authorization"][-5:] not in error["message"]
    assert await shop.ids("refunds") == before


@pytest.mark.parametrize("permission", PERMISSIONS)
async def test_a_permission_to_write_lets_read_and_one_to_read_does_not_let_write(permission: str) -> None:
    shop = Rehearsal()
    key = await shop.key(permissions=[permission])
    for (method, *parts), route in ROUTES.items():
        reply = await shop.send(method, "/".join(parts[1:]).replace("{}", "id_x"), headers=key)
        allowed = {permission, permission.replace("_write", "_read")}
        assert (reply.status_code != 403) == (permission_for(route.operation) in allowed), route.operation


async def test_a_key_without_permissions_sees_nothing_and_a_secret_one_everything() -> None:
    shop = Rehearsal()
    bare, secret = await shop.key(permissions=[]), await shop.key()
    assert secret["Authorization"].startswith("Bearer sk_test_")
    for template in READS:
        path = re.sub(r"\{\w+\}", "id_x", template.request.path).removeprefix("/v1/")
        assert (await shop.send("GET", path, headers=bare)).status_code == 403
        assert (await shop.send("GET", path, headers=secret)).status_code in (200, 400, 404)


@pytest.mark.parametrize("body", [{}, {"livemode": True}, {"permissions": ["rak_charge_read"]}])
async def test_an_expired_key_says_so(body: dict[str, Any]) -> None:
    shop = Rehearsal()
    key = await shop.key(expired=True, **body)
    reply = await shop.send("GET", "charges", headers=key)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (401, "api_key_expired")
    assert key["Authorization"][-4:] in error["message"]
    assert key["Authorization"][-5:] not in error["message"]


async def test_live_mode_is_a_world_of_its_own_that_starts_empty() -> None:
    shop = Rehearsal()
    key = await shop.key(livemode=True, permissions=["rak_customer_write"])
    assert key["Authorization"].startswith("Bearer rk_live_")
    made = (await shop.send("POST", "customers", {"name": "Ada"}, key)).json()
    listed = (await shop.send("GET", "customers", headers=LIVE)).json()["data"]
    assert [customer["id"] for customer in listed] == [made["id"]]
    assert made["id"] not in await shop.ids("customers")


async def test_an_id_of_the_other_mode_is_told_from_one_that_nobody_has() -> None:
    shop = Rehearsal()
    live = (await shop.send("POST", "customers", {}, LIVE)).json()["id"]
    status, error = await shop.refusal("GET", f"customers/{live}")
    assert (status, error["code"]) == (404, "resource_missing")
    assert error["message"] == (
        f"No such customer: '{live}'; a similar object exists in live mode, "
        "but a test mode key was used to make this request."
    )
    _, error = await shop.refusal("GET", "charges", {"customer": live})
    assert "similar object exists in live mode" in error["message"]
    reply = await shop.send("GET", "customers/cus_ABC123", headers=LIVE)
    assert "similar object exists in test mode, but a live mode key" in reply.json()["error"]["message"]
    assert "/test/" not in reply.json()["error"]["request_log_url"]
    _, error = await shop.refusal("GET", "customers/cus_nobodys")
    assert error["message"] == "No such customer: 'cus_nobodys'"
    assert "/test/" in error["request_log_url"]


@pytest.mark.parametrize("header", ["Stripe-Account", "Stripe-Context"])
@pytest.mark.parametrize("account", ACCOUNTS)
async def test_each_account_has_a_name_and_objects_of_its_own(account: str, header: str) -> None:
    shop = Rehearsal()
    told = (await shop.send("GET", "account", headers={header: account})).json()
    assert (told["id"], told["business_profile"]["name"]) == (account, ACCOUNTS[account].name)
    customers = (await shop.send("GET", "customers", headers={header: account})).json()["data"]
    assert bool(customers) == (account == next(iter(ACCOUNTS)))


async def test_what_a_connected_account_has_the_shop_does_not_have() -> None:
    shop = Rehearsal()
    made = (await shop.send("POST", "customers", {}, BAKERY)).json()["id"]
    assert (await shop.send("GET", f"customers/{made}", headers=BAKERY)).status_code == 200
    _, error = await shop.refusal("GET", f"customers/{made}")
    assert error["message"] == f"No such customer: '{made}'"


async def test_an_account_that_is_not_connected_is_refused() -> None:
    reply = await Rehearsal().send("GET", "balance", headers={"Stripe-Account": "acct_strange"})
    error = reply.json()["error"]
    assert (reply.status_code, error["type"], error["code"]) == (
        403,
        "invalid_request_error",
        "account_invalid",
    )
    assert "does not have access to account 'acct_strange'" in error["message"]


async def test_two_headers_have_to_name_one_account() -> None:
    shop = Rehearsal()
    same = BAKERY | {"Stripe-Context": f"org_1/{BAKERY['Stripe-Account']}"}
    assert (await shop.send("GET", "balance", headers=same)).status_code == 200
    other = BAKERY | {"Stripe-Context": "acct_1HarborBooks"}
    assert (await shop.send("GET", "balance", headers=other)).status_code == 400


async def test_an_organisations_key_says_for_whom_and_in_which_version() -> None:
    shop, key = Rehearsal(), {"Authorization": "Bearer sk_org_test_12345678"}
    context = {"Stripe-Context": "acct_1PineStreetCoffee"}
    for headers in ({}, context, {"Stripe-Version": "2026-10-28.endive"}):
        assert (await shop.send("GET", "balance", headers=key | headers)).status_code == 400
    headers = key | context | {"Stripe-Version": "2026-10-28.endive"}
    assert (await shop.send("GET", "customers/cus_ABC123", headers=headers)).status_code == 200


async def test_a_connected_account_bills_and_charges_in_its_own_name() -> None:
    shop = Rehearsal()
    customer = (await shop.send("POST", "customers", {}, BAKERY)).json()
    bill = (await shop.send("POST", "invoices", {"customer": customer["id"]}, BAKERY)).json()
    payment = {"amount": "500", "currency": "usd", "source": "tok_visa"}
    charge = (await shop.send("POST", "charges", payment, BAKERY)).json()
    assert bill["account_name"] == "River Road Bakery"
    assert charge["calculated_statement_descriptor"] == "RIVER ROAD BAKERY"
