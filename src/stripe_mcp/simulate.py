"""
The `stripe-mcp simulator` command: the simulator over HTTP, for any Stripe SDK.
"""

import socket
from pathlib import Path

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.simulator import Simulator
from stripe_mcp.simulator.saving import StateError, read_state, write_state
from stripe_mcp.simulator.serve import create_server
from stripe_mcp.simulator.store import SEED


def simulate(port: int, *, admin: bool, seed: str | None, file: Path | None) -> int:
    """
    Serve the simulator on *port* of this machine until Ctrl-C, with its state kept in *file*.

    Raises:
        ConfigurationError: The port or the file cannot be used.
    """
    simulator = Simulator(seed=SEED if seed is None else seed, admin=admin)
    listening = _listen(port)
    if file:
        _load_state(simulator, file, seed)
    server = create_server(simulator)
    routes = "; /_simulator/ has the admin routes" if admin else ""
    state = f"; its state is kept in {file}" if file else ""
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    print(f"SIMULATOR at {address}; any sk_test_ key opens it{routes}{state}. Ctrl-C ends it.", flush=True)
    server.run(sockets=[listening])
    if file:
        _save_state(simulator, file)
    return 0


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise ConfigurationError(f"Cannot listen on port {port}: {error.strerror}") from None


def _load_state(simulator: Simulator, file: Path, seed: str | None) -> None:
    try:
        simulator.load(read_state(file))
    except FileNotFoundError:
        pass
    except (OSError, StateError) as error:
        reason = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise ConfigurationError(
            f"--state {file}: {reason}. Name another file, or move this one away; it was left as it is."
        ) from None
    if seed not in (None, simulator.state.seed):
        raise ConfigurationError(
            f"--state {file} was made from the seed '{simulator.state.seed}': "
            "leave --seed out to go on with it, or name another file to start anew."
        )
    _save_state(simulator, file)  # so that a place that cannot be written is told now


def _save_state(simulator: Simulator, file: Path) -> None:
    try:
        write_state(file, simulator.state)
    except OSError as error:
        raise ConfigurationError(f"--state {file}: cannot be written: {error.strerror}") from None
