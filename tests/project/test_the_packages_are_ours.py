"""What is imported and what is shipped is this project: another distribution named `cards` exists (ADR 0002)."""

import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cds_service import __version__

ROOT = Path(__file__).parents[2]
PACKAGES = ("cds_service", "cards", "fhir_mappings")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    run = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (built,) = folder.glob("*.whl")
    return built


def shipped(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("name", PACKAGES)
def test_the_imported_package_is_ours(name: str) -> None:
    found = importlib.import_module(name).__file__
    assert found is not None
    assert Path(found).resolve() == ROOT / name / "__init__.py"


def test_the_wheel_holds_our_three_packages_and_nothing_else(wheel: Path) -> None:
    assert {name.split("/")[0] for name in shipped(wheel)} == {*PACKAGES, f"infliximab_cds-{__version__}.dist-info"}


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    on_disk = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {Path(name).suffix for name in on_disk} >= {".py", ".toml", ".csv"}
    assert on_disk - shipped(wheel) == set()


def test_the_service_opens_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import cards, cds_service, fhir_mappings\n"
        "from cards.wording import load_wording\n"
        "from cds_service import patients\n"
        "from cds_service.app import create_app\n"
        "from cds_service.site.settings import Settings\n"
        "load_wording(); create_app(Settings()); assert patients.names()\n"
        "print(*(module.__file__ for module in (cards, cds_service, fhir_mappings)), sep='\\n')"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-c", code, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert {Path(line).parent.parent for line in run.stdout.splitlines()} == {tmp_path}


def test_the_wheel_offers_the_command_and_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry_points,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "infliximab-cds = cds_service.cli:main" in archive.read(entry_points).decode()
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
