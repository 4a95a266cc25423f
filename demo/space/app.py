"""The demo as a Space, which takes its settings from the Space's variables.

`MSE_DEMO_MODULES` names the modules that visitors may use, separated by commas (`org/name`, `org/name@revision` or
`org/*`). `MSE_DEMO_OPEN_HUB=1` lets them use any module of the Hub. `MSE_DEMO_BASE` is the base encoder, by default
that of the first module.
"""

from __future__ import annotations

import os

# Visitors reach a Space only through proxies of its own network, whose X-Forwarded-For uvicorn then trusts.
os.environ.setdefault("FORWARDED_ALLOW_IPS", "127.0.0.1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16")

from demo.__main__ import main

arguments = ["--host", "0.0.0.0", "--port", os.environ.get("PORT", "7860")]
for name in os.environ.get("MSE_DEMO_MODULES", "").split(","):
    arguments += ["--module", name.strip()] if name.strip() else []
if os.environ.get("MSE_DEMO_OPEN_HUB") == "1":
    arguments.append("--open-hub")
if base := os.environ.get("MSE_DEMO_BASE"):
    arguments += ["--base", base]

if __name__ == "__main__":
    main(arguments)
