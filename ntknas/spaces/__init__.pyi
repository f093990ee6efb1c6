# What the room gives; each name is imported when it is first used.
from .family import Family as Family, Member as Member
from .nasbench201 import (
    NASBENCH201 as NASBENCH201,
    Architecture as Architecture,
    NASBench201 as NASBench201,
    architectures as architectures,
)
from .space import (
    SPACES as SPACES,
    Candidate as Candidate,
    Label as Label,
    NetworkLike as NetworkLike,
    Space as Space,
)
from .table import NamedNetwork as NamedNetwork, NetworkTable as NetworkTable
