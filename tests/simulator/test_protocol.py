import base64

import pytest

from stripe_mcp.simulator import Simulator
from stripe_mcp.simulator.wire import LARGEST_BODY, Message
from tests.simulator.front_door import NOW, Shop

pytestmark = pytest.mark.anyio


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("header", ["Bearer sk_test_1", "bearer sk_test_1", basic("sk_test_1:")])
async def test_any_test_key_opens_the_shop(header: str) -> None:
    assert (await Shop().send("GET", "account", headers={"Authorization": header})).status_code == 200


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("", "did not provide"),
        ("Basic !!", "did not provide"),
        ("Digest sk_test_1", "did not provide"),
        (basic(":"), "did not provide"),
        ("Bearer pk_test_123456789", "publishable"),
        ("Bearer rk_test_123456789", "Invalid API Key"),
        ("Bearer rk_live_123456789", "Invalid API Key"),
        ("Bearer rkcs_test_123456789", "Invalid API Key"),
        ("Bearer ek_test_123456789", "Invalid API Key"),
        ("Bearer whsec_123456789", "Invalid API Key"),
        ("Bearer sk_test_", "Invalid API Key"),
        ("Bearer sk_test_12345 6789", "Invalid API Key"),
        ("Bearer sk_prod_123456789", "Invalid API Key"),
        ("Bearer", "did not provide"),
        ("sk_test_123456789", "did not provide"),
        ("Bearer nonsense-nonsense", "Invalid API Key"),
        ("Bearer junk", "Invalid API Key"),
    ],
)
async def test_what_is_no_test_key_is_turned_away_and_not_repeated(header: str, says: str) -> None:
    reply = await Shop().send("GET", "account", headers={"Authorization": header})
    error = reply.json()["error"]
    assert (reply.status_code, error["type"]) == (401, "invalid_request_error")
    assert says in error["message"]
    assert len(header) < 10 or header[-6:] not in error["message"]


async def test_every_answer_has_its_headers() -> None:
    reply = await Shop().send("POST", "customers", headers={"Idempotency-Key": "k1"})
    assert reply.headers["request-id"].startswith("req_")
    assert reply.headers["stripe-version"] == "2026-10-28.endive"
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["idempotency-key"] == "k1"
    error = (await Shop().send("GET", "nothing")).json()["error"]
    assert error["request_log_url"].startswith("https://dashboard.stripe.com/test/")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "foo"),
        ("PUT", "customers"),
        ("DELETE", "charges/ch_1"),
        ("GET", "charges/ch_1/foo"),
        ("GET", "a/b/c/d"),
    ],
)
async def test_an_unknown_url_is_not_found(method: str, path: str) -> None:
    status, error = await Shop().refusal(method, path)
    assert status == 404
    assert f"Unrecognized request URL ({method}: /v1/{path})" in error["message"]


async def test_an_unknown_id_is_named_with_its_kind() -> None:
    status, error = await Shop().refusal("GET", "customers/cus_x")
    assert (status, error["code"], error["param"]) == (404, "resource_missing", "id")
    assert error["message"] == "No such customer: 'cus_x'"
    assert error["doc_url"].endswith("#resource-missing")


async def test_the_account_has_a_name() -> None:
    account = await Shop().get("account")
    assert account["business_profile"]["name"] == "Pine Street Coffee"


async def test_the_same_key_gives_the_same_answer_and_nothing_twice() -> None:
    shop = Shop()
    key = {"Idempotency-Key": "once"}
    first = await shop.send("POST", "refunds", {"payment_intent": "pi_DEF456"}, key)
    second = await shop.send("POST", "refunds", {"payment_intent": "pi_DEF456"}, key)
    assert first.content == second.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["original-request"] == first.headers["request-id"] != second.headers["request-id"]
    assert len(await shop.ids("refunds", {"payment_intent": "pi_DEF456"})) == 1
    other = await shop.send("POST", "refunds", {"payment_intent": "pi_DEF456", "amount": "1"}, key)
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    elsewhere = await shop.send("POST", "customers", {}, key)
    assert elsewhere.json()["error"]["type"] == "idempotency_error"


async def test_a_failure_that_reached_execution_is_kept_and_a_failed_check_is_not() -> None:
    shop = Shop()
    key = {"Idempotency-Key": "k"}
    assert (await shop.send("POST", "refunds", {"amuont": "1"}, key)).status_code == 400
    assert (await shop.send("POST", "refunds", {}, key)).status_code == 400
    too_much = {"payment_intent": "pi_DEF456", "amount": "9999"}
    failed = await shop.send("POST", "refunds", too_much, key)
    again = await shop.send("POST", "refunds", too_much, key)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (400, "true")
    assert again.content == failed.content


async def test_a_key_counts_on_post_only_and_has_255_characters() -> None:
    shop = Shop()
    key = {"Idempotency-Key": "k"}
    assert "idempotency-key" not in (await shop.send("GET", "balance", headers=key)).headers
    long = await shop.send("POST", "customers", {}, {"Idempotency-Key": "k" * 256})
    assert (long.status_code, long.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_an_event_names_the_request_that_made_it() -> None:
    shop = Shop()
    reply = await shop.send("POST", "customers", {"name": "Ada"}, {"Idempotency-Key": "k"})
    (event,) = (await shop.get("events", {"limit": 1}))["data"]
    assert event["type"] == "customer.created"
    assert event["request"] == {"id": reply.headers["request-id"], "idempotency_key": "k"}


async def test_a_body_is_form_encoded_and_not_endless() -> None:
    shop = Shop()
    assert (await shop.send("POST", "customers", json={"name": "Ada"})).status_code == 400
    assert (await shop.send("POST", "customers", content=b"name=Ada")).status_code == 400
    endless = {"description": "x" * (LARGEST_BODY + 1)}
    assert (await shop.send("POST", "customers", endless)).status_code == 413


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ("name=a&name[x]=b", "name[x]"),
        ("address[city]=a&address=b", "address"),
        ("[x]=1", "[x]"),
        ("foo=1", "foo"),
        ("address[street]=1", "address[street]"),
        ("shipping[name]=x", "shipping[address]"),
        ("foo=1&bar=2", "foo"),
        ("name[x]=1", "name"),
        ("address=1", "address"),
        ("preferred_locales=en", "preferred_locales"),
        ("preferred_locales[x]=en", "preferred_locales"),
        ("preferred_locales[0]=", "preferred_locales[0]"),
        ("invoice_prefix=", "invoice_prefix"),
        ("email=none", "email"),
        ("name=" + "x" * 257, "name"),
        ("metadata[a][b]=c", "metadata[a]"),
        ("metadata=x", "metadata"),
        ("metadata[" + "k" * 41 + "]=v", "metadata[" + "k" * 41 + "]"),
        ("metadata[k]=" + "v" * 501, "metadata[k]"),
        ("&".join(f"metadata[k{i}]=v" for i in range(51)), "metadata"),
        ("next_invoice_sequence=0", "next_invoice_sequence"),
        ("tax_exempt=maybe", "tax_exempt"),
        ("balance=1", "balance"),
        ("source=tok_visa", "source"),
    ],
)
async def test_a_wrong_parameter_is_named_and_nothing_is_made(body: str, param: str) -> None:
    shop = Shop()
    before = await shop.ids("customers")
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    reply = await shop.send("POST", "customers", headers=form, content=body.encode())
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    assert await shop.ids("customers") == before


@pytest.mark.parametrize(
    ("path", "fields", "message"),
    [
        ("prices", {"currency": "xyz", "product": "p"}, "Invalid currency: xyz"),
        ("prices", {"currency": "usd", "unit_amount_decimal": "1,5"}, "Invalid decimal: 1,5"),
        ("prices", {"currency": "usd", "active": "yes"}, "Invalid boolean: yes"),
        ("refunds", {"reason": "regret"}, "must be one of duplicate, fraudulent, or requested_by_customer"),
        ("refunds", {"amount": "1.5"}, "Invalid integer: 1.5"),
        ("refunds", {"amount": "-1"}, "greater than or equal to 1"),
        ("payment_intents", {"amount": "1"}, "Missing required param: currency."),
        ("refunds", {"foo[bar]": "1"}, "Received unknown parameter: foo"),
    ],
)
async def test_what_is_wrong_is_said(path: str, fields: dict[str, str], message: str) -> None:
    assert message in (await Shop().refusal("POST", path, fields))[1]["message"]


async def test_a_single_choice_is_named_alone() -> None:
    shop = Shop()
    error = (await shop.refusal("GET", "events", {"created[since]": "1"}))[1]
    assert error["param"] == "created[since]"


async def test_a_server_can_start_and_stop_it() -> None:
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[Message] = []

    async def receive() -> Message:
        return events.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await Simulator(clock=lambda: NOW)({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_two_simulators_of_one_clock_are_the_same() -> None:
    assert (await Shop().send("GET", "events")).content == (await Shop().send("GET", "events")).content


async def test_the_shop_has_what_the_brief_tells() -> None:
    shop = Shop()
    (john,) = (
        await shop.get("customers", {"email": "john.smith@example.com", "expand[]": "data.subscriptions"})
    )["data"]
    (subscription,) = john["subscriptions"]["data"]
    price = subscription["items"]["data"][0]["price"]
    assert (subscription["id"], price["nickname"], price["unit_amount"]) == ("sub_XYZ789", "Pro Plan", 4900)
    newer, older = (await shop.get("charges", {"customer": "cus_ABC123"}))["data"]
    assert [newer["amount"], older["amount"], newer["payment_intent"]] == [4900, 4900, "pi_DEF456"]
    assert newer["payment_method_details"]["card"]["last4"] == "4242"
    assert 28 <= (newer["created"] - older["created"]) // 86_400 <= 31
    currencies = {charge["currency"] for charge in shop.simulator.store.all("charge")}
    assert currencies == {"usd", "eur", "gbp", "jpy", "kwd"}
