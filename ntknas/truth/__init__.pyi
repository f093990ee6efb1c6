# What the room gives; each name is imported when it is first used.
from .anomalies import Anomaly as Anomaly, find_anomalies as find_anomalies
from .load import load_truth as load_truth
from .names import metric_label as metric_label
from .own import recipe_file as recipe_file, truth_from_frame as truth_from_frame
from .sources import SOURCES as SOURCES, Source as Source, truth_sources as truth_sources
from .table import ANY_DATASET as ANY_DATASET, Truth as Truth
