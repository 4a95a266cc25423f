"""The demo as a Space, which takes its settings from the Space's variables.

`MSE_DEMO_MODULES` names the modules that visitors may use, separated by commas (`org/name`, `org/name@revision` or
`org/*`). `MSE_DEMO_OPEN_HUB=1` lets them use any module of the Hub. `MSE_DEMO_BASE` is the base encoder, by default
that of the first module.
"""

from __future__ import annotations

import os

# Visitors reach a Space only through proxies of its own network, whose X-Forwarded-For uvicorn then trusts.
os.environ.setdefault("FORWARDED_ALLOW_IPS", "127.0.0.1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16")

from demo.compare.catalog import Catalog
from demo.compare.workbench import Workbench
from demo.limits.settings import Settings
from demo.page.app import build_app
from demo.page.look import launch_options
from demo.page.visit import Demo

settings = Settings(
    modules=tuple(name.strip() for name in os.environ.get("MSE_DEMO_MODULES", "").split(",") if name.strip()),
    open_hub=os.environ.get("MSE_DEMO_OPEN_HUB") == "1",
    base=os.environ.get("MSE_DEMO_BASE") or None,
)
demo = Demo(settings, Workbench(Catalog(settings)))
app = build_app(demo)

if __name__ == "__main__":
    app.launch(server_name="0.0.0.0", server_port=int(os.environ.get("PORT", "7860")), **launch_options(demo))
