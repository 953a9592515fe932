"""The table of the alert burden over the bundled synthetic children, as the command prints it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from cds_service import patients
from cds_service.burden import choose_profiles, count_outcomes, find_charts, judge_charts, write_table
from cds_service.site.settings import Settings
from cds_service.site.site import open_site

AS_OF = datetime(2026, 11, 22, 9, tzinfo=UTC)


def burden() -> str:
    """One file for each bundled child, judged under every profile, and one request that lacks its infusions."""
    site = open_site(Settings())
    profiles = choose_profiles(None, site.policy.target_profile)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for child in patients.names():
            request = patients.hook_request(patients.load(child), "order-sign", AS_OF)
            (folder / f"{child}.json").write_text(json.dumps(request), "utf-8")
        del request["prefetch"]["infusions"]
        (folder / "without-infusions.json").write_text(json.dumps(request), "utf-8")
        judged = judge_charts(find_charts(folder)[0], profiles, site, AS_OF, print)
    return f"```text\n{write_table(judged, count_outcomes(judged, profiles), AS_OF)}\n```"
