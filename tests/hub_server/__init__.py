"""A stand-in for the Hugging Face Hub: the HTTP that huggingface_hub speaks, on 127.0.0.1, with faults on demand.

Point the `HF_ENDPOINT` of a subprocess at `HubServer().url`, with `HF_HUB_DISABLE_XET=1`: both are read at import.
By hand: `python -m tests.hub_server --port 8321`.
"""

from tests.hub_server.server import HubServer

__all__ = ["HubServer"]
