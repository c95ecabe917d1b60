"""The device that signs the objects (this installation), and the run that made them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydicom.uid import UID

from mome_core.visits import Visit


@dataclass(frozen=True, slots=True)
class Device:
    """One installation of the node, as it names itself in the equipment module and as SR observer (PS3.16 TID 1004).

    Parameters
    ----------
    installation
        Made once when the node is installed; the Device Observer UID follows from it.
    software_version
        Of this package.
    implementation_class_uid, implementation_version_name
        What the file meta information of every file names that this product writes (PS3.7 D.3.3.2).
    station_name
        AE title or host, at most 16 characters; empty if the site does not want it in the objects.
    """

    installation: UUID
    software_version: str
    implementation_class_uid: str
    implementation_version_name: str
    manufacturer: str = "MOME Node"
    model_name: str = "MOME Node"
    station_name: str = ""

    def __post_init__(self) -> None:
        if not self.software_version:
            raise ValueError("a device states its software version")
        if len(self.station_name) > 16:
            raise ValueError(f"Station Name holds at most 16 characters, got {len(self.station_name)}")

    @property
    def uid(self) -> UID:
        """Device Observer UID: 2.25 and the installation's UUID (PS3.5 B.2)."""
        return UID(f"2.25.{self.installation.int}")

    @property
    def serial_number(self) -> str:
        """Device Serial Number: the installation's UUID, which fits LO."""
        return str(self.installation)


@dataclass(frozen=True, slots=True)
class DocumentReference:
    """An SR document by the UIDs that name it anywhere."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class Revision:
    """Which run made the objects.

    Parameters
    ----------
    revision
        How many times the study was completed anew, from 1.
    predecessor
        Root report of the newest earlier set with other inputs or another model; it is superseded.
    started, ended
        When this revision was first analysed, with time zone. Left out (the default), the objects carry the time of
        the youngest image they come from: then a repeated run makes the same bytes on any day. A node that states
        them must give the same record when it repeats the run.
    timezone
        Offset such as "+0100" of dates and times in a study that does not say (0008,0201); empty if unknown.
    visits
        The patient's earlier results and this one, by date, as they were known to this run; empty where there are none.
    visit
        What this study gave, without its date, as later ones will compare it; None leaves it out of the report.
    """

    revision: int = 1
    predecessor: DocumentReference | None = None
    started: datetime | None = None
    ended: datetime | None = None
    timezone: str = ""
    visits: tuple[Visit, ...] = ()
    visit: Visit | None = None

    def __post_init__(self) -> None:
        if self.revision < 1:
            raise ValueError(f"revisions count from 1, got {self.revision}")
        for moment in (self.started, self.ended):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("times of a run need a time zone")
