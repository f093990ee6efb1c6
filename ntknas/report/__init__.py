"""Pictures of what a run says."""

from ntknas.report.curves import beta_curves, check_picture

__all__ = ["beta_curves", "check_picture"]
