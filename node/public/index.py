"""The index of the NCI Imaging Data Commons as the package idc-index-data brings it: every MR series of a collection.

Columns: https://idc-index.readthedocs.io (the column `series_size_MB` is in 1,000,000 bytes).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.errors import NotReady

_COLUMNS = {
    "collection_id": "collection",
    "PatientID": "patient",
    "StudyInstanceUID": "study_uid",
    "SeriesInstanceUID": "series_uid",
    "SeriesNumber": "number",
    "SeriesDescription": "description",
    "instanceCount": "images",
    "series_size_MB": "megabytes",
    "license_short_name": "licence",
    "source_DOI": "doi",
    "series_aws_url": "url",
    "StudyDescription": "study_description",
    "StudyDate": "study_date",
}


@dataclass(frozen=True, slots=True)
class IndexedSeries:
    """One MR series of the index.

    Parameters
    ----------
    megabytes
        Of 1,000,000 bytes.
    url
        Where its instances lie: s3://bucket/folder/*.
    """

    collection: str
    patient: str
    study_uid: str
    series_uid: str
    number: int
    description: str
    images: int
    megabytes: float
    licence: str
    doi: str
    url: str
    study_description: str
    study_date: str

    @property
    def bucket(self) -> str:
        """The bucket that holds it."""
        return self.url.split("/")[2]

    @property
    def folder(self) -> str:
        """The folder in the bucket, which is also the identity of this version of the series."""
        return self.url.split("/")[3]


def read_index(collections: Iterable[str], path: Path | None = None) -> list[IndexedSeries]:
    """The MR series of some collections in order of patient, study and number; results of analyses are left out.

    Parameters
    ----------
    path
        A Parquet file like that of idc-index-data; the installed one when None.

    Raises NotReady when the extra `public` is not installed.
    """
    wanted = [("collection_id", "in", sorted(collections)), ("Modality", "=", "MR")]
    table = _parquet().read_table(path or _installed(), columns=[*_COLUMNS, "analysis_result_id"], filters=wanted)
    found = [_series(row) for row in table.to_pylist() if not row["analysis_result_id"]]
    return sorted(found, key=lambda each: (each.collection, each.patient, each.study_uid, each.number, each.series_uid))


def index_version() -> str:
    """Version of the installed index; NotReady when there is none."""
    return str(_index_data().__version__)


def studies_of(series: Iterable[IndexedSeries]) -> list[list[IndexedSeries]]:
    """The series study by study, in the order in which each study begins."""
    studies: dict[str, list[IndexedSeries]] = defaultdict(list)
    for each in series:
        studies[each.study_uid].append(each)
    return list(studies.values())


def gigabytes_of(series: Iterable[IndexedSeries]) -> float:
    """Their size, in 1,000,000,000 bytes."""
    return sum(each.megabytes for each in series) / 1000


def licences_of(series: Sequence[IndexedSeries]) -> tuple[str, ...]:
    """Licences of the images, each with its DOI."""
    return tuple(sorted({f"{each.licence} (doi:{each.doi})" for each in series}))


def _series(row: dict[str, object]) -> IndexedSeries:
    values = {name: row[column] for column, name in _COLUMNS.items()}
    texts = {name: str(value or "") for name, value in values.items()}
    numbers = {"number": _whole(values["number"]), "images": int(str(values["images"] or 0))}
    return IndexedSeries(**(texts | numbers | {"megabytes": float(str(values["megabytes"] or 0.0))}))  # type: ignore[arg-type]


def _whole(text: object) -> int:
    """SeriesNumber, which is text and may be missing; 0 then."""
    try:
        return int(float(str(text)))
    except ValueError:
        return 0


def _installed() -> Path:
    return Path(str(_index_data().IDC_INDEX_PARQUET_FILEPATH))


def _index_data() -> Any:
    try:
        import idc_index_data
    except ImportError:
        raise NotReady("the index of public collections is not installed: pip install 'mome-node[public]'") from None
    return idc_index_data


def _parquet() -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise NotReady("reading the index needs pyarrow: pip install 'mome-node[public]'") from None
    return parquet
