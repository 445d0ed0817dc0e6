"""
What is published: a wheel that works without the checkout.
"""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, cwd=ROOT)
    assert built.returncode == 0, built.stdout + built.stderr
    [file] = folder.glob("*.whl")
    return file


def test_the_wheel_holds_the_whole_catalog(wheel: Path) -> None:
    catalog = ROOT / "catalog"
    shipped = {
        f"stripe_mcp/_catalog/{file.relative_to(catalog).as_posix()}" for file in catalog.rglob("*.toml")
    }
    assert shipped <= {*ZipFile(wheel).namelist()}


def test_the_wheel_installed_in_an_empty_venv_lists_the_tools(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    assert run(sys.executable, "-m", "venv", venv, cwd=tmp_path).returncode == 0
    programs = venv / ("Scripts" if sys.platform == "win32" else "bin")
    installed = run(programs / "python", "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    if installed.returncode and "NewConnectionError" in installed.stderr and "CI" not in os.environ:
        pytest.skip("no package index can be reached to install the wheel's dependencies from")
    assert installed.returncode == 0, installed.stderr

    listed = run(programs / "stripe-mcp", "tools", "--markdown", cwd=tmp_path)
    assert listed.stdout.count("`") == 2 * 37
    played = run(programs / "stripe-mcp", "demo", cwd=tmp_path)
    assert played.returncode == 0, played.stderr
    assert "succeeded" in played.stdout
