"""Takes readers' verdicts from documents that arrive: a key object selection, or a report that names ours."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from node.errors import NodeError
from node.search_key import SearchKey
from node.settings import Settings
from node.storage.archive import Archive, IntegrityLost
from node.storage.ledger.ledger import Ledger
from node.storage.records import ArrivedDocument, Assessment, KeptObject
from sr_templates.errors import EvidenceRefused
from sr_templates.kinds import Kind
from sr_templates.reading.assessment import DocumentVerdict, read_verdict

log = logging.getLogger(__name__)
_STATE_A_SCORE = (Kind.REPORT, Kind.SUMMARY, Kind.PDF)
_LATE_INSTANCES = 200  # with several writers a row may appear behind one that has a higher number


class DocumentAssessor:
    """Looks once at each document about an answered study, and again after a restart at those that said nothing.

    One whose file could not be read is tried again with the next instances that come, and after a restart.
    """

    def __init__(self, settings: Settings, archive: Archive, ledger: Ledger) -> None:
        self.archive, self.ledger = archive, ledger
        self.key = SearchKey.open(settings.storage.search_key_path)
        self.newest = 0
        self.looked_at: set[int] = set()  # of the late instances before the newest

    def run(self) -> int:
        """Look at what came since the last run; gives how many verdicts there were."""
        newest = self.ledger.assessments.newest_instance()
        if newest == self.newest:
            return 0
        found, after = 0, self.newest - _LATE_INSTANCES
        while documents := self.ledger.assessments.documents(after, self.archive.uuid):
            found += sum(self._take(each) for each in documents if each.id not in self.looked_at)
            after = documents[-1].id
        self.newest = newest
        self.looked_at = {each for each in self.looked_at if each > newest - _LATE_INSTANCES}
        return found

    def _take(self, document: ArrivedDocument) -> bool:
        """Keep what this document says, if it judges a result of ours."""
        self.looked_at.add(document.id)  # first: a document that a defect stops at must not stop those behind it
        uid = document.study_instance_uid
        try:
            made = self.ledger.assessments.results_of(uid)
            # of an object that two revisions have made the newest counts: it comes first, and is written last
            stated = {
                each.sop_instance_uid: revision for revision, each in reversed(made) if each.kind in _STATE_A_SCORE
            }
            content = self.archive.verified(document.path, document.sha256).read_bytes()
            said = read_verdict(content, stated.keys(), lambda about: self._report(made, stated[about]))
            return said is not None and self._keep(document, stated[said.about], said)
        except (IntegrityLost, OSError) as error:
            self.looked_at.discard(document.id)
            log.warning("a document could not be looked at: %s", type(error).__name__)
        except EvidenceRefused as error:
            log.warning("a document could not be looked at: %s", type(error).__name__)
        except NodeError:  # of the database: the whole run is repeated
            self.looked_at.discard(document.id)
            raise
        except LookupError:
            log.info("the study of a document was deleted meanwhile")
        return False

    def _report(self, made: Sequence[tuple[int, KeptObject]], revision: int) -> bytes:
        """The report of a revision; EvidenceRefused where it has none."""
        for of_revision, each in made:
            if of_revision == revision and each.kind == Kind.REPORT:
                return self.archive.verified(each.path, each.sha256).read_bytes()
        raise EvidenceRefused("there is no report of this revision to compare with")

    def _keep(self, document: ArrivedDocument, revision: int, said: DocumentVerdict) -> bool:
        assessment = Assessment(
            revision,
            document.received_at,
            said.verdict,
            said.endpoint,
            calling_ae_title=document.calling_ae_title,
            sop_instance_uid=document.sop_instance_uid,
            comment=self.key.seal(said.comment) if said.comment else "",
        )
        return self.ledger.assessments.assess(document.study_instance_uid, assessment)
