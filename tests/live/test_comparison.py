"""
The same steps at both, and the answers held against each other, field by field.

At Stripe a difference means that the simulator has to be changed; on the simulator, which is then
compared with another one, it would mean that the comparison sees differences where there are none.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe

from stripe_mcp.simulator import Simulator
from tests.live.comparison import differences
from tests.live.recorder import Recorder
from tests.live.workshop import Workshop
from tests.serving import serving

pytestmark = pytest.mark.live


def declined(make: Workshop) -> Any:
    with pytest.raises(stripe.CardError) as refused:
        make.payment(card="pm_card_chargeDeclined")
    return refused.value.json_body


def refused(make: Workshop) -> Any:
    with pytest.raises(stripe.InvalidRequestError) as error:
        make.v1.customers.retrieve("cus_nothing")
    return error.value.json_body


def refunded(make: Workshop) -> Any:
    paid = make.payment()
    return make.v1.refunds.create(
        {"payment_intent": paid.id, "amount": 100, "expand": ["charge", "balance_transaction"]}
    )


def canceled(make: Workshop) -> Any:
    return make.v1.subscriptions.cancel(make.subscription(make.customer()).id)


def detached(make: Workshop) -> Any:
    return make.v1.payment_methods.detach(make.customer().invoice_settings.default_payment_method)


def product(make: Workshop) -> Any:
    return make.v1.products.retrieve(make.price().product)


def listed(make: Workshop) -> Any:
    customer = make.customer()
    make.payment(customer=customer.id)
    return make.v1.charges.list({"customer": customer.id})


STEPS: dict[str, Callable[[Workshop], Any]] = {
    "a customer": lambda make: make.customer(),
    "a payment intent": lambda make: make.intent(),
    "a payment with its charge and booking": lambda make: make.payment(),
    "a payment that is held": lambda make: make.payment(capture_method="manual"),
    "a declined payment": declined,
    "a charge": lambda make: make.charge(capture=False),
    "charges in a list": listed,
    "a refund": refunded,
    "a draft invoice": lambda make: make.draft(make.customer(), 1500),
    "an open invoice": lambda make: make.open_invoice(make.customer(), 1500),
    "a subscription with its invoice": lambda make: make.subscription(
        make.customer(), expand=["latest_invoice"]
    ),
    "a subscription on trial": lambda make: make.subscription(make.customer(), trial_period_days=7),
    "a canceled subscription": canceled,
    "a price": lambda make: make.price(),
    "a product": product,
    "a payment method": detached,
    "the balance": lambda make: make.v1.balance.retrieve(),
    "an object that does not exist": refused,
}


@pytest.fixture(scope="module")
def reference() -> Iterator[Workshop]:
    """
    A workshop at a simulator of its own, which is thrown away.
    """
    http: Any = Recorder()
    with serving(Simulator()) as address:
        client = stripe.StripeClient("sk_test_reference", base_addresses={"api": address}, http_client=http)
        yield Workshop(client.v1)
        http.close()


def as_sent(answer: Any) -> Any:
    """
    The JSON of an answer; of an error it is there already.
    """
    return answer if isinstance(answer, dict) else answer.last_response.data


@pytest.mark.parametrize("step", STEPS)
def test_both_answer_with_the_same_fields_types_and_words(
    make: Workshop, reference: Workshop, step: str
) -> None:
    stripes, simulators = (as_sent(STEPS[step](workshop)) for workshop in (make, reference))
    found = list(differences(stripes, simulators))
    if found:
        pytest.fail("\n".join(found))
