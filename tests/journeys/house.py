"""The processes of a deployment, kept running by the product's own supervisor.

Each carries its name in its environment, so that a test can find it and kill it; one that is given
orders before it starts anew dies or stands still at a named step.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from ops.faults.orders import orders_file
from ops.supervisor import Child, program, supervised

NAME = "NAME_IN_THE_JOURNEY"


def main(settings: dict[str, Any]) -> None:
    verbs = {
        "api-1": ("serve", "--port", str(settings["ports"][0])),
        "api-2": ("serve", "--port", str(settings["ports"][1])),
        "projections": ("project",),
        "worker-1": ("worker",),
        "worker-2": ("worker",),
        "scheduler": ("scheduler",),
    }
    with supervised(sys.stdout) as supervisor:
        for name, verb in verbs.items():
            environment = os.environ | settings["environment"] | {NAME: name}
            orders = orders_file(Path(settings["folder"]), name)
            command = [sys.executable, "-m", "ops.faults.part", "--orders", str(orders), *verb]
            supervisor.start(Child(name=name, start=program(command, environment)))
        supervisor.wait()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
