"""How states, times and sizes are said to people."""

from __future__ import annotations

from datetime import datetime

from node.states import StudyState

STATE_WORDS = {
    StudyState.RECEIVING: "Receiving",
    StudyState.STABLE: "Waiting for analysis",
    StudyState.ANALYZING: "Analysing",
    StudyState.ANALYZED: "Delivering",
    StudyState.DELIVERED: "Delivered",
    StudyState.FAILED: "Failed",
    StudyState.INELIGIBLE: "Not analysed",
}
STATE_MEANS = {
    StudyState.RECEIVING: "instances are arriving; the study is complete when none has come for the settle time",
    StudyState.STABLE: "the study is complete and waits for the model",
    StudyState.ANALYZING: "the model is working on it",
    StudyState.ANALYZED: "there is an answer; not every destination has it yet",
    StudyState.DELIVERED: "every destination has every object",
    StudyState.FAILED: "given up; mend the cause, then reprocess or redeliver",
    StudyState.INELIGIBLE: "the study lacks what the model needs; the reason is in the PACS as a report",
}
ENDPOINTS = {
    "malignancy": "Malignancy",
    "triple_negative": "Triple-negative",
    "pcr": "Pathological complete response",
}


def endpoint(name: str) -> str:
    """The question that a score answers."""
    return ENDPOINTS.get(name, name.replace("_", " ").capitalize())


def clock(seconds: float) -> str:
    """A moment in the node's local time."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def iso(seconds: float) -> str:
    """The same moment for a program."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")


def duration(seconds: float) -> str:
    """A length of time in its two largest units."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def size(count: float) -> str:
    """Bytes in the unit that reads best."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def percent(share: float) -> str:
    """A probability or share."""
    return f"{100 * share:.1f} %"
