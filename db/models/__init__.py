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
from db.models.marks import MarkRow
from db.models.people import AuditRow, IdentityRow, LinkRow, PersonRow, SignInAttemptRow, SignInRow
from db.models.plans import AdjudicationRow, ParticipationRow, PlanRow, TrainingAnswerRow
from db.models.runs import (
    EnsembleMemberRow,
    EnsembleRow,
    EvaluationClusterRow,
    EvaluationRow,
    ModelClusterRow,
    ModelRow,
)
from db.models.selections import SelectionRow
from db.models.withdrawals import WithdrawalRow
from db.models.work import JobBatchRow, JobEventRow, JobRow, WorkerRow

__all__ = [
    "AdjudicationRow",
    "AuditRow",
    "Base",
    "ClusterRow",
    "EnsembleMemberRow",
    "EnsembleRow",
    "EvaluationClusterRow",
    "EvaluationRow",
    "IdentityRow",
    "ImageNameRow",
    "ImageRow",
    "ImageTagRow",
    "JobBatchRow",
    "JobEventRow",
    "JobRow",
    "JudgementRow",
    "LeaseRow",
    "LinkRow",
    "MarkRow",
    "ModelClusterRow",
    "ModelRow",
    "PageCandidateRow",
    "PageRow",
    "ParticipationRow",
    "PersonRow",
    "PlanRow",
    "ProjectRow",
    "SelectionRow",
    "SignInAttemptRow",
    "SignInRow",
    "TrainingAnswerRow",
    "UTCDateTime",
    "WithdrawalRow",
    "WorkerRow",
    "now",
]
