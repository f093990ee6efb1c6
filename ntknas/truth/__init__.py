"""Published accuracies of NAS-Bench-201 networks: NAS-RobBench-201 and Jung et al. 2023."""

from ntknas.truth.anomalies import Anomaly, find_anomalies
from ntknas.truth.load import load_truth
from ntknas.truth.sources import SOURCES, Source, truth_sources
from ntknas.truth.table import Truth

__all__ = [
    "SOURCES",
    "Anomaly",
    "Source",
    "Truth",
    "find_anomalies",
    "load_truth",
    "truth_sources",
]
