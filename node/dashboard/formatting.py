"""States, times and sizes in words."""

from __future__ import annotations

from datetime import datetime

from mome_core.results import Endpoint
from node.states import StudyState
from node.storage.accounts import Account
from node.words import credential_words

STATE_MEANINGS = {
    StudyState.RECEIVING: "instances are arriving; the study is complete when none has arrived for the settle time",
    StudyState.STABLE: "the study is complete and waiting for analysis",
    StudyState.ANALYZING: "the analysis is running",
    StudyState.ANALYZED: "the analysis is finished; not every destination has the results yet",
    StudyState.DELIVERED: "every destination has every result object",
    StudyState.FAILED: "failed; fix the cause, then reprocess or redeliver",
    StudyState.CANCELLED: "a person cancelled the analysis or a delivery; reprocess or redeliver to take it up again",
    StudyState.INELIGIBLE: "the study lacks what the model needs; a report in the PACS gives the reason",
}


def credentials(account: Account) -> list[str]:
    """What an account signs in with."""
    words = [credential_words(each) for each in account.credentials]
    return ["password", *words] if account.has_password else words


def endpoint_title(endpoint: str) -> str:
    """An endpoint as the beginning of a line."""
    return Endpoint(endpoint).words.capitalize()


def person_name(value: str) -> str:
    """A name of DICOM (PN, PS3.5 6.2) as people read it: "Muster, Anna"."""
    family, *others = [part.strip() for part in value.split("=", maxsplit=1)[0].split("^")]
    given = " ".join(part for part in others if part)
    return f"{family}, {given}" if given else family


def study_date(value: str) -> str:
    """A date of DICOM (DA) in ISO 8601; anything else as it is."""
    is_date = len(value) == 8 and value.isascii() and value.isdigit()
    return f"{value[:4]}-{value[4:6]}-{value[6:]}" if is_date else value


def sentence(text: str) -> str:
    """A phrase of ours as a sentence: names in it keep their letters."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}" if text else ""


def iso(seconds: float) -> str:
    """A moment (seconds since 1970) in ISO 8601, for programs."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")


def size(count: float) -> str:
    """A number of bytes with a binary prefix."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def percent(fraction: float) -> str:
    """A fraction in [0, 1] as a percentage."""
    return f"{100 * fraction:.1f} %"
