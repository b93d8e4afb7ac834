"""Tables. Queries live beside them and return frozen types; ORM rows never leave `db`."""

from __future__ import annotations

from db.models.base import Base, UTCDateTime, now
from db.models.labelling import JudgementRow, LeaseRow
from db.models.library import (
    ClusterRow,
    ImageNameRow,
    ImageRow,
    ImageTagRow,
    PageCandidateRow,
    PageRow,
    ProjectRow,
)
from db.models.people import AuditRow, PersonRow, SignInAttemptRow, SignInRow
from db.models.runs import (
    EnsembleMemberRow,
    EnsembleRow,
    EvaluationClusterRow,
    EvaluationRow,
    ModelClusterRow,
    ModelRow,
)
from db.models.work import JobEventRow, JobRow, WorkerRow

__all__ = [
    "AuditRow",
    "Base",
    "ClusterRow",
    "EnsembleMemberRow",
    "EnsembleRow",
    "EvaluationClusterRow",
    "EvaluationRow",
    "ImageNameRow",
    "ImageRow",
    "ImageTagRow",
    "JobEventRow",
    "JobRow",
    "JudgementRow",
    "LeaseRow",
    "ModelClusterRow",
    "ModelRow",
    "PageCandidateRow",
    "PageRow",
    "PersonRow",
    "ProjectRow",
    "SignInAttemptRow",
    "SignInRow",
    "UTCDateTime",
    "WorkerRow",
    "now",
]
