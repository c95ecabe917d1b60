"""The sections of the settings file for several AE titles on one node, and for what is more urgent than the rest."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Self

from pydantic import Field, model_validator

from node.jobs import Priority
from node.settings_sections import AeTitle, ResultSettings, SettingsSection


class ApplicationEntity(SettingsSection):
    """Another AE title of this node, on the same port; what it leaves out is as for the whole node."""

    ae_title: AeTitle = Field(description="AE title; a study belongs to the one that its first image was sent to")
    models: tuple[str, ...] = Field(
        default=(), description="bundles that answer together, each other endpoints; empty: those of [model]"
    )
    estimator: str = Field(default="", description="as model.estimator, for these models")
    destinations: tuple[str, ...] = Field(default=(), description="names of those that get its results; empty: all")
    priority: Priority = Field(default=Priority.ROUTINE, description="STAT, HIGH, ROUTINE or LOW")
    results: ResultSettings | None = Field(default=None, description="as [results]; left out: that section")

    @model_validator(mode="after")
    def estimator_has_models(self) -> Self:
        """Refuse an estimator that is nobody's."""
        if self.estimator and not self.models:
            raise ValueError("estimator means something only with models of its own; else set model.estimator")
        return self


class PriorityRule(SettingsSection):
    """Studies that are more or less urgent: patterns (* ?) that all fit, capitals or not; the first rule decides."""

    priority: Priority = Field(description="STAT, HIGH, ROUTINE or LOW; an operator may change it afterwards")
    calling_ae_title: str = Field(default="", description="AE title that sends, e.g. MR_ER*; empty: any")
    study_description: str = Field(default="", description="study description, e.g. *stat*; empty: any")

    @model_validator(mode="after")
    def says_which(self) -> Self:
        """Refuse a rule for every study."""
        if not (self.calling_ae_title or self.study_description):
            raise ValueError("needs calling_ae_title or study_description: else it would be a rule for every study")
        return self

    def fits(self, calling_ae_title: str, study_description: str) -> bool:
        """Whether it is a rule for a study with this sender and description."""
        given = ((self.calling_ae_title, calling_ae_title), (self.study_description, study_description))
        return all(fnmatchcase(text.casefold(), pattern.casefold()) for pattern, text in given if pattern)


def priority_by(
    rules: Iterable[PriorityRule], entity: ApplicationEntity | None, calling_ae_title: str, study_description: str
) -> tuple[Priority, str]:
    """How urgent a new study is, and which setting says so: the first rule that fits, else its AE title, else none."""
    for number, rule in enumerate(rules):
        if rule.fits(calling_ae_title, study_description):
            return rule.priority, f"priorities.{number}"
    if entity is None:
        return Priority.ROUTINE, ""
    return entity.priority, f"AE title {entity.ae_title}"
