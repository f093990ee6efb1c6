"""Pictures of what a run says."""

from ntknas.report.bounds import bound_panels
from ntknas.report.curves import beta_curves, check_picture
from ntknas.report.scatter import score_scatter

__all__ = ["beta_curves", "bound_panels", "check_picture", "score_scatter"]
