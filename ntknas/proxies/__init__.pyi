# What the room gives; each name is imported when it is first used.
from .compute import proxy_inputs as proxy_inputs, proxy_scores as proxy_scores
from .croze import croze as croze
from .proxy import PROXIES as PROXIES, Proxy as Proxy, ProxyInputs as ProxyInputs
from .synflow import synflow as synflow
