"""The pictures of the report in this documentation, taken of the demo's site in headless Chromium.

    make demo && .venv/bin/python -m docs.screenshots .vitals/report

Needs the development dependencies and a Chromium at /usr/bin/chromium (or named by CHROMIUM). Looks, too, at what
somebody sees who cannot tell red from green.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent / "images"
PHONE, DESK, WALL = (390, 844, 1.0), (1280, 900, 0.75), (1920, 1080, 0.6)
"""Width and height of the screen, and how much of that the picture keeps."""
PICTURES = (
    ("report-company-wall", "index.html", WALL, "light", False),
    ("report-company-phone", "index.html", PHONE, "dark", False),
    ("report-on-call", "on-call.html", DESK, "light", False),
    ("report-metric", "metric-csat.html", DESK, "light", False),
    ("report-tree", "tree.html", DESK, "light", False),
    ("report-goal", "objective-help-worth-recommending.html", DESK, "light", False),
    ("report-colour-blind", "scorecard.html", DESK, "light", True),
)
"""(name, page, size, colour scheme, seen without red and green)."""


def main(site: Path) -> None:
    """Take every picture anew."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        for name, page_name, (width, height, kept), scheme, colour_blind in PICTURES:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                device_scale_factor=kept,
                color_scheme="dark" if scheme == "dark" else "light",
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.goto((site / page_name).resolve().as_uri())
            if colour_blind:
                without_red_and_green(page)
            page.screenshot(path=FOLDER / f"{name}.png")
            context.close()
        browser.close()


def without_red_and_green(page: Page) -> None:
    """Show the page as somebody with deuteranopia sees it."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setEmulatedVisionDeficiency", {"type": "deuteranopia"})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".vitals/report"))
