"""A serving process stays small: data frames and plots are not for it, and the rest loads when first needed."""

import json
import subprocess
import sys

import pytest

MODULES = ("cds_service.app", "cds_service.cli", "cds_service.hooks.evaluate")
HEAVY = ("pandas", "statsmodels", "matplotlib", "scipy", "fhir", "jwt", "cryptography")  # numpy is for forecasts


@pytest.mark.parametrize("module", MODULES)
def test_a_serving_process_imports_neither_data_frames_nor_fhir_models(module: str) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    imported = json.loads(run.stdout)
    assert "cds_service" in imported
    assert [name for name in HEAVY if name in imported] == []
