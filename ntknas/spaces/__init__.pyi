# What the room gives; each name is imported when it is first used.
from .family import Family as Family
from .family import Member as Member
from .nasbench201 import NASBENCH201 as NASBENCH201
from .nasbench201 import Architecture as Architecture
from .nasbench201 import NASBench201 as NASBench201
from .nasbench201 import architectures as architectures
from .space import SPACES as SPACES
from .space import Candidate as Candidate
from .space import Label as Label
from .space import NetworkLike as NetworkLike
from .space import Space as Space
from .table import NamedNetwork as NamedNetwork
from .table import NetworkTable as NetworkTable
