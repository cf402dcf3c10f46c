"""What a browser's console holds against a page."""

from playwright.sync_api import ConsoleMessage, Page


def note_complaints(page: Page, complaints: list[str]) -> None:
    """Add errors and warnings, violations of the CSP among them, as they come."""

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
