"""A stand-in for the Hugging Face Hub: huggingface_hub's HTTP protocol on 127.0.0.1, with faults on demand.

Set `HF_ENDPOINT` of a subprocess to `HubServer().url` and `HF_HUB_DISABLE_XET=1`; the client reads both at import.
To start it by hand: `python -m tests.hub_server --port 8321`.
"""

from tests.hub_server.server import HubServer

__all__ = ["HubServer"]
