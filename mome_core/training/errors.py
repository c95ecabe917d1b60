"""What can go wrong between a cohort and a trained model."""

from mome_core.errors import MomeError


class TrainingRefused(MomeError):
    """A cohort, a config or a run's directory that nothing sound can be trained or measured with, and the way out."""


class NotWritable(TrainingRefused):
    """The disk does not take a file of a run or of its cache."""
