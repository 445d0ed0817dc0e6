"""
Tenants: each is one Stripe account as one principal uses it, with settings and a catalog of its own.

Rule: a tenant's own word and that of the whole server both hold, so that the stricter wins; whose key and
account it is, only the tenant's own table says.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from stripe_mcp.catalog import Catalog
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.private_files import read_private
from stripe_mcp.remote.tenants_file import Entry, read_file
from stripe_mcp.rules import Said, merge
from stripe_mcp.safety.policy import check_names, restrict
from stripe_mcp.settings import ENVIRONMENT, Settings, read_settings

OWN = "local"  # the only tenant where there is one account: whoever runs this server

Fingerprint = dict[Path, tuple[int, int, int] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """
    *name* is the principal in the ledger, *tokens* are SHA-256 digests of 32 bytes, *subjects* those of an
    authorization server; *key_file* is where the key was read, if in a file.

    Two are equal if the same was said of them: the catalog follows from that.
    """

    name: str
    settings: Settings
    catalog: Catalog = field(repr=False, compare=False)
    tokens: tuple[bytes, ...] = field(default=(), repr=False)
    subjects: frozenset[str] = field(default=frozenset(), repr=False)
    key_file: Path | None = None


def read_tenants(
    file: Path,
    whole: Catalog,
    said: Sequence[Said],
    environment: Mapping[str, str] = ENVIRONMENT,
    *,
    simulator: bool = False,
    redact_pii: bool = False,
) -> dict[str, Tenant]:
    """
    The tenants of *file* by name. *whole* is the catalog before any rule; what was *said* of rules,
    *environment* but for key, account and context, and the flags hold for each of them. With *simulator*,
    no key is read.

    Raises:
        ConfigurationError: Something of it is wrong; the text holds neither key nor token.
    """
    tenants: dict[str, Tenant] = {}
    for entry in read_file(file):
        key_file = file.parent / entry.key_file if entry.key_file else None
        settings = _read_settings(entry, key_file, environment, simulator=simulator, redact_pii=redact_pii)
        everything_said = [*said, *entry.said]
        check_names(whole, everything_said)
        rules = merge(everything_said)
        with _telling(entry.place):
            catalog = restrict(whole, rules)
        tenants[entry.name] = Tenant(
            name=entry.name,
            settings=replace(settings, rules=rules),
            catalog=catalog,
            tokens=entry.tokens,
            subjects=entry.subjects,
            key_file=key_file,
        )
    return tenants


def sources(file: Path | None, tenants: Mapping[str, Tenant]) -> Fingerprint:
    """
    What differs once *file* or a key file of *tenants* was changed: time in nanoseconds, size in bytes and
    inode of each; None for one that is missing.
    """
    files = [file, *(tenant.key_file for tenant in tenants.values())]
    return {each: _state(each) for each in files if each}


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read_settings(
    entry: Entry, key_file: Path | None, environment: Mapping[str, str], *, simulator: bool, redact_pii: bool
) -> Settings:
    field, key = ("", "") if simulator else _read_key(entry, key_file, environment)
    own = {
        "STRIPE_SECRET_KEY": key,
        "STRIPE_SECRET_KEY_FILE": "",
        "STRIPE_ACCOUNT": entry.stripe_account,
        "STRIPE_CONTEXT": entry.stripe_context,
    }
    with _telling(
        entry.place, STRIPE_SECRET_KEY=field, STRIPE_ACCOUNT="stripe_account", STRIPE_CONTEXT="stripe_context"
    ):
        redact_pii = redact_pii or entry.redact == "pii"
        return read_settings({**environment, **own}, simulator=simulator, redact_pii=redact_pii)


def _read_key(entry: Entry, key_file: Path | None, environment: Mapping[str, str]) -> tuple[str, str]:
    """
    The field that says where the key is, and the key.
    """
    if bool(key_file) == bool(entry.key_variable):
        raise ConfigurationError(f"{entry.place}: needs key_file or key_variable, and one of them only.")
    field = "key_file" if key_file else "key_variable"
    where = f"{entry.place}.{field}"
    key = read_private(key_file, where) if key_file else environment.get(entry.key_variable, "")
    if not key.strip():
        raise ConfigurationError(f"{where}: there is no key in it.")
    return field, key


@contextmanager
def _telling(place: str, **fields: str) -> Iterator[None]:
    """
    Tells the *place* of what is wrong in here, with *fields* in place of variables of the same meaning.
    """
    try:
        yield
    except ConfigurationError as error:
        text = str(error)
        for variable, name in fields.items():
            text = text.replace(variable, name)
        raise ConfigurationError(f"{place}: {text}") from None
