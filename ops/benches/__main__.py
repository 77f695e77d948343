"""tmp"""
import sys
from ops.benches.projections import measure_projections
from ops.benches.audit import audit
from ops.benches.deployment import Deployment, deployed
from ops.benches.scale import FULL, QUICK, Scale
with deployed(None) as d:
    from ops.benches.machine import this_machine
    print(this_machine(d))
    r = measure_projections(d, QUICK, lambda l: print(l, file=sys.stderr))
    for f in r.figures: print(f)
    for g in r.goals: print(g, g.met)
    print(audit(r.databases))
