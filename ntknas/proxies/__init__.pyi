# What the room gives; each name is imported when it is first used.
from .compute import proxy_inputs as proxy_inputs
from .compute import proxy_scores as proxy_scores
from .croze import croze as croze
from .proxy import PROXIES as PROXIES
from .proxy import Proxy as Proxy
from .proxy import ProxyInputs as ProxyInputs
from .synflow import synflow as synflow
