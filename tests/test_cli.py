"""
The command as a person types it.
"""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import httpx
import pytest

from stripe_mcp import __version__
from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.cli import main
from stripe_mcp.rules import RULES, Rules

CATALOG = load_catalog(builtin_folder()).templates


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY_FILE", "STRIPE_MCP_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STRIPE_MCP_CONFIG", os.devnull)  # no file of one's own


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"stripe-mcp {__version__}\n"


def test_help_names_every_command_and_where_the_key_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    for word in ("demo", "check", "tools", "simulator", "STRIPE_SECRET_KEY"):
        assert word in printed


@pytest.mark.parametrize("command", [[], ["check"], ["tools"]])
def test_help_names_every_rule_and_how_it_is_written(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    for rule in RULES.values():
        assert f"\n  {rule.flag}{' ' * bool(rule.kind.written)}{rule.kind.written}" in printed
    assert (
        printed.splitlines()[0]
        == f"usage: stripe-mcp {f'{command[0]} [OPTIONS]' if command else '[OPTIONS] [COMMAND ...]'}"
    )


def test_rules_reach_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('max_refund = { usd = "500.00" }', encoding="utf-8")
    monkeypatch.setenv("STRIPE_MCP_CONFIRM", "always")
    served = []
    monkeypatch.setattr(
        "stripe_mcp.server.create_server", lambda catalog, settings, way: served.append(settings)
    )
    monkeypatch.setattr("stripe_mcp.stdio.serve_stdio", lambda server: None)
    assert main(["--simulator", "--max-refund", "usd=20,eur=20", "--config", str(file)]) == 0
    assert served[0].rules == Rules(confirm="always", limits={"max_refund": {"usd": 2000}})


@pytest.mark.parametrize("command", ["check", "tools"])
def test_a_wrong_rule_exits_with_2_and_the_place(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--simulator", "--max-refund", "usd=1.005"]) == 2
    assert "--max-refund: usd must be" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--key", "sk_test_canary1234"],
        ["--key=rk_live_canary1234"],
        ["check", "pk_test_canary1234"],
        ["STRIPE_SECRET_KEY=sk_live_canary1234"],
        ["-ksk_live_canary1234"],
        ["keysk_live_canary1234"],
        ["sk_org_canary1234"],
    ],
)
def test_s3_a_key_on_the_command_line_is_refused_and_not_repeated(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert "does not belong on the command line" in printed.err
    assert "canary" not in printed.out + printed.err


def test_a_path_that_only_looks_a_little_like_a_key_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools", "--catalog", "/tmp/sk_templates"]) == 2
    assert "/tmp/sk_templates: no tools/" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="pipes as a POSIX shell has them")
@pytest.mark.parametrize("command", ["tools", "tools --markdown", "demo", "check --simulator"])
def test_a_reader_that_has_read_enough_leaves_no_traceback(command: str) -> None:
    piped = f"{sys.executable} -m stripe_mcp {command} | head -n 1"
    ended = subprocess.run(["sh", "-c", piped], capture_output=True, text=True)
    assert len(ended.stdout.splitlines()) == 1
    assert "Traceback" not in ended.stderr
    assert "Exception" not in ended.stderr


def test_output_that_nobody_takes_any_more_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Not left to the race with `head`: what the interpreter flushes at its end must not fail again.
    """
    redirected: list[int] = []

    class Closed(StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Closed())
    monkeypatch.setattr("os.dup2", lambda source, target: redirected.append(target))
    assert main(["tools", "--markdown"]) == 1
    assert redirected == [1]


def test_a_wrong_setting_exits_with_2_and_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "pk_test_canary1234")
    assert main([]) == 2
    printed = capsys.readouterr()
    assert "publishable" in printed.err
    assert "canary" not in printed.err
    assert printed.out == ""


def test_tools_lists_every_tool(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools"]) == 0
    printed = capsys.readouterr().out
    for name in CATALOG:
        assert name in printed


def test_tools_as_markdown_has_a_row_a_category_and_shows_what_each_tool_can_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["tools", "--markdown"]) == 0
    _, _, *rows, empty, legend = capsys.readouterr().out.splitlines()
    assert empty == ""
    assert all(kind in legend for kind in ("Plain", "*Italic*", "**Bold**"))
    listed = {row.split(" | ")[0].removeprefix("| "): row.split(" | ")[1].removesuffix(" |") for row in rows}
    assert list(listed) == list(dict.fromkeys(tool.category.replace("_", " ") for tool in CATALOG.values()))
    for tool in CATALOG.values():
        mark = "" if tool.reads else "**" if tool.annotations.destructiveHint else "*"
        assert f"{mark}`{tool.name}`{mark}" in listed[tool.category.replace("_", " ")].split()


def test_a_catalog_of_ones_own_adds_and_replaces_tools(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = (builtin_folder() / "tools/balance/get_balance.toml").read_text(encoding="utf-8")
    folder = tmp_path / "tools/balance"
    folder.mkdir(parents=True)
    (folder / "get_balance.toml").write_text(source, encoding="utf-8")
    (folder / "get_funds.toml").write_text(source, encoding="utf-8")
    assert main(["--catalog", str(tmp_path), "tools", "--markdown"]) == 0
    assert main(["tools", "--markdown", "--catalog", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("`get_funds`") == 2
    assert printed.count("`get_balance`") == 2


@pytest.mark.parametrize(
    ("said", "instead", "reason"),
    [
        ('sends = "GET /v1/balance"', 'sends = "GET /v1/charges"', "sends"),
        ("arguments = {}", "arguments = { limit = 5 }", "fails"),
        ("[[rejected]]", '[[rejected]]\nshows = "nothing"\narguments = {}\n\n[[rejected]]', "accepted"),
    ],
)
def test_a_catalog_of_ones_own_is_held_to_its_examples(
    said: str, instead: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = (builtin_folder() / "tools/balance/get_balance.toml").read_text(encoding="utf-8")
    assert said in source
    folder = tmp_path / "tools/balance"
    folder.mkdir(parents=True)
    (folder / "get_funds.toml").write_text(source.replace(said, instead, 1), encoding="utf-8")
    assert main(["tools", "--catalog", str(tmp_path)]) == 2
    printed = capsys.readouterr().err
    assert "get_funds" in printed
    assert reason in printed


def test_a_catalog_that_is_not_there_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--catalog", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_person_at_a_terminal_is_told_what_the_server_waits_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("stripe_mcp.stdio.serve_stdio", lambda server: None)
    assert main(["--simulator"]) == 0
    printed = capsys.readouterr()
    assert "Waiting for an MCP client" in printed.err
    assert printed.out == ""


def test_ctrl_c_leaves_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(server: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stripe_mcp.stdio.serve_stdio", interrupted)
    assert main([]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_the_demo_ends_with_the_refund(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    printed = capsys.readouterr().out
    for tool in ("search_customers", "list_charges", "create_refund"):
        assert f"-> {tool}" in printed
    assert "?  Refund $49.00 of $49.00" in printed
    assert "of $49.00: succeeded" in printed


@contextmanager
def simulating(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "stripe_mcp", "simulator", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_the_simulator_answers_over_http_and_ends_on_sigterm() -> None:
    with simulating("--port", "0") as process:
        assert process.stdout
        first = process.stdout.readline()
        address = first.split()[2].rstrip(";")
        response = httpx.get(f"{address}/v1/balance", headers={"Authorization": "Bearer sk_test_1"})
        assert response.json()["object"] == "balance"
        process.terminate()
        assert process.wait(10) == 0


def test_a_port_that_is_taken_exits_with_2() -> None:
    with simulating("--port", "0") as first:
        assert first.stdout
        port = first.stdout.readline().split()[2].rstrip(";").rsplit(":", 1)[1]
        with simulating("--port", port) as second:
            _, errors = second.communicate(timeout=10)
            assert second.returncode == 2
    assert f"port {port}" in errors
    assert "Traceback" not in errors


KEY = {"Authorization": "Bearer sk_test_1"}


def address(process: subprocess.Popen[str]) -> str:
    """
    Where the simulator says that it is.
    """
    assert process.stdout
    return process.stdout.readline().split()[2].rstrip(";")


def test_the_simulator_says_what_is_on(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    for arguments, said in (
        ([], set()),
        (["--admin"], {"/_simulator/"}),
        (["--state", str(state)], {str(state)}),
        (["--admin", "--state", str(state)], {"/_simulator/", str(state)}),
    ):
        with simulating("--port", "0", *arguments) as process:
            assert process.stdout
            first = process.stdout.readline()
            assert {each for each in ("/_simulator/", str(state)) if each in first} == said
            clock = httpx.get(f"{first.split()[2].rstrip(';')}/_simulator/clock", headers=KEY)
            assert clock.status_code == (200 if "/_simulator/" in said else 404)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_simulators_state_is_saved_at_the_end_and_taken_up_again(
    ending: signal.Signals, tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    arguments = ("--port", "0", "--seed", "tea", "--state", str(state))
    ada, once = {"name": "Ada"}, KEY | {"Idempotency-Key": "once"}
    with simulating(*arguments) as process:
        made = httpx.post(f"{address(process)}/v1/customers", data=ada, headers=once)
        assert made.status_code == 200
        process.send_signal(ending)
        assert process.wait(10) == 0
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    with simulating(*arguments) as process:
        replayed = httpx.post(f"{address(process)}/v1/customers", data=ada, headers=once)
        assert (replayed.content, replayed.headers["idempotent-replayed"]) == (made.content, "true")


def test_another_seed_makes_another_shop() -> None:
    ids = []
    for seed in ("tea", "tea", "coffee"):
        with simulating("--port", "0", "--seed", seed) as process:
            page = httpx.get(f"{address(process)}/v1/charges", headers=KEY).json()
            ids.append([charge["id"] for charge in page["data"]])
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not a saved state"),
        ("{}", "not a saved state"),
        (json.dumps({"format": "stripe-mcp simulator", "version": 0}), "version is 0"),
        (json.dumps({"format": "stripe-mcp simulator", "version": 1}), "damaged"),
    ],
)
def test_a_file_that_holds_no_state_exits_with_2_and_is_left_as_it_is(
    content: str, says: str, tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    state.write_text(content, encoding="utf-8")
    with simulating("--port", "0", "--state", str(state)) as process:
        printed, errors = process.communicate(timeout=10)
    assert (process.returncode, printed) == (2, "")
    assert f"--state {state}" in errors
    assert says in errors
    assert "Name another file" in errors
    assert "Traceback" not in errors
    assert state.read_text(encoding="utf-8") == content


def test_a_state_of_another_seed_exits_with_2(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with simulating("--port", "0", "--seed", "tea", "--state", str(state)) as process:
        address(process)
    before = state.read_bytes()
    with simulating("--port", "0", "--seed", "coffee", "--state", str(state)) as process:
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 2
    assert "the seed 'tea'" in errors
    assert state.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "says"), [("", "cannot be read"), ("nowhere/state.json", "cannot be written")]
)
def test_a_place_where_no_state_can_be_exits_with_2_at_the_start(
    name: str, says: str, tmp_path: Path
) -> None:
    with simulating("--port", "0", "--state", str(tmp_path / name)) as process:
        printed, errors = process.communicate(timeout=10)
    assert (process.returncode, printed) == (2, "")
    assert says in errors
    assert "Traceback" not in errors


def test_a_state_that_can_no_longer_be_saved_is_told_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with simulating("--port", "0", "--state", str(folder / "state.json")) as process:
        httpx.get(f"{address(process)}/v1/balance", headers=KEY)
        folder.rename(tmp_path / "moved")
        process.terminate()
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 2
    assert "cannot be written" in errors
    assert "Traceback" not in errors
