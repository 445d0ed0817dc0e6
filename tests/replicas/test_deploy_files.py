"""
What `deploy/` says fits what there is: files, options, variables; and nothing of it is open or secret.
"""

import json
import re
import tomllib
from pathlib import Path

import pytest

from stripe_mcp.cli import main
from tests.replicas.nginx import TEMPLATE, fill_in

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text()
README = (ROOT / "deploy" / "README.md").read_text()
SERVICES = ("server", "nginx", "postgres")
of_every_service = pytest.mark.parametrize("name", SERVICES)


def instructions(name: str) -> list[str]:
    """
    What stands behind each *name* of the Dockerfile.
    """
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    return [line.removeprefix(name).strip() for line in lines if line.startswith(f"{name} ")]


def healthcheck(port: str) -> list[str]:
    """
    The command by which the image looks after itself, at another *port* than its own.
    """
    [check] = instructions("HEALTHCHECK")
    command: list[str] = json.loads(check.partition(" CMD ")[2])
    return [word.replace(":8000/", f":{port}/") for word in command]


def block(name: str, indent: int = 2) -> str:
    """
    What the compose file says of *name*, with the defaults that it takes over.
    """
    pad = " " * indent
    [found] = re.findall(rf"^{pad}{name}:.*\n((?:{pad} .*\n|\n)+)", COMPOSE, re.MULTILINE)
    taken_over = block("x-hardened", 0) if "<<: *hardened" in found else ""
    return str(found + taken_over)


def items(name: str, of: str) -> list[str]:
    """
    The list *name* in a block, without what is said of its entries.
    """
    if inline := re.search(rf"^ *{name}: \[(.*)\]", of, re.MULTILINE):
        return [entry.strip() for entry in inline[1].split(",")]
    found = re.search(rf"^( *){name}:\n((?:\1  .*\n)+)", of, re.MULTILINE)
    lines = found[2].splitlines() if found else []
    entries = [line.strip().removeprefix("- ").partition(" #")[0] for line in lines]
    return [entry for entry in entries if not entry.startswith("#")]


def test_the_compose_file_has_just_these_services() -> None:
    services = COMPOSE[COMPOSE.index("\nservices:") : COMPOSE.index("\nvolumes:")]
    assert re.findall(r"^  (\w+):$", services, re.MULTILINE) == list(SERVICES)


def test_what_the_image_copies_is_there_and_is_sent_to_its_builder() -> None:
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [line.split()[:-1] for line in instructions("COPY") if not line.startswith("--from")]
    assert sorted(name for names in copied for name in names) == sorted(sent)
    assert all((ROOT / name).exists() for name in sent)


def test_the_image_runs_as_nobody_special_and_ends_on_sigterm() -> None:
    [user] = instructions("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    assert f"chown -R {user.partition(':')[0]} tenants" in README


def test_the_image_has_extras_that_there_are_and_a_python_that_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = re.search(r"stripe-mcp\[(.*)\]", DOCKERFILE)
    assert extras
    assert set(extras[1].split(",")) == {*project["optional-dependencies"]} - {"dev"}
    [*versions] = {line.partition("-")[0] for line in instructions("FROM")}
    assert len(versions) == 1
    assert (
        f"Programming Language :: Python :: {versions[0].removeprefix('python:')}" in project["classifiers"]
    )


def test_the_image_alone_lets_nobody_in_without_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    [entry], [arguments] = map(json.loads, instructions("ENTRYPOINT")), map(json.loads, instructions("CMD"))
    assert entry == ["stripe-mcp"]
    assert main(arguments) == 2
    assert "token" in capsys.readouterr().err


def test_the_command_of_the_compose_file_is_one_that_our_parser_knows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = items("command", block("server"))
    named = [re.sub(r"\$\{.*", "mcp.example.com", each) for each in command]
    assert main(named) == 2  # as the one thing that it lacks here is the tenants' file
    assert "/run/tenants/tenants.toml" in capsys.readouterr().err


@of_every_service
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = block(name)
    assert "read_only: true" in service
    assert items("cap_drop", service) == ["ALL"]
    assert items("security_opt", service) == ["no-new-privileges:true"]
    assert "/tmp" in " ".join(items("tmpfs", service))
    assert "privileged: true" not in service


@of_every_service
def test_a_service_is_pinned_watched_and_given_time_to_end(name: str) -> None:
    service = block(name)
    assert "healthcheck:" in service or "build:" in service  # the image brings its own
    [grace] = re.findall(r"stop_grace_period: (\d+)s", service)
    assert int(grace) > 10
    [image] = re.findall(r"image: (.+)", service)
    assert "build:" in service or re.search(r":\d", image)


def test_only_the_proxy_is_reached_and_only_from_this_machine() -> None:
    assert [name for name in SERVICES if "ports:" in block(name)] == ["nginx"]
    assert all(port.startswith("127.0.0.1:") for port in items("ports", block("nginx")))
    assert "network_mode" not in COMPOSE


def test_there_are_three_replicas_that_share_database_and_sealing_keys() -> None:
    server = block("server")
    assert "replicas: 3" in server
    assert "env_file: secrets/state_keys.env" in server
    assert "STRIPE_MCP_STATE_KEYS=" in README
    assert "@postgres/stripe_mcp" in server


def test_what_is_secret_comes_as_a_file() -> None:
    secret = re.compile(r"[sr]k_(test|live)_|sha256:[0-9a-f]|://[^/\s:]+:[^/\s]+@|PASSWORD: |TOKEN: ")
    for text in (DOCKERFILE, COMPOSE, TEMPLATE.read_text()):
        assert not secret.search(text)
    named = {each for name in SERVICES for each in items("secrets", block(name))}
    declared = COMPOSE[COMPOSE.index("\nsecrets:") :]
    assert named == set(re.findall(r"^  (\w+):$", declared, re.MULTILINE))
    for file in re.findall(r"secrets/\w+(?:\.env)?", COMPOSE):
        assert file in README


def test_what_the_compose_file_mounts_is_in_this_folder_or_made_by_the_instructions() -> None:
    for name in SERVICES:
        for mount in items("volumes", block(name)):
            source = mount.partition(":")[0]
            if source.startswith("."):
                assert (ROOT / "deploy" / source).exists() or source.removeprefix("./") in README
                assert mount.endswith(":ro")


def test_the_template_of_nginx_has_the_variables_that_it_is_filled_in_with() -> None:
    used = set(re.findall(r"\$\{(PROXY_\w+)\}", TEMPLATE.read_text()))
    assert used == set(re.findall(r"^ +(PROXY_\w+):", block("nginx"), re.MULTILINE))
    assert "${PROXY_" not in fill_in(Path("/tmp"), 80, [], {}).replace("${PROXY_...}", "")
