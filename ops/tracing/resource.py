"""The resource: which deployment, machine and process spans come from."""

from ops import VERSION
from ops.processes import process_name
from ops.settings import Settings

PARTS_OF_CLUSTERS = (
    "CLUSTER",
    "NODE",
    "NAMESPACE",
    "POD",
    "CONTAINER",
    "DEPLOYMENT",
    "REPLICASET",
    "STATEFULSET",
    "DAEMONSET",
    "JOB",
    "CRONJOB",
)
ATTRIBUTES = {
    "DEPLOYMENT_ENVIRONMENT": "deployment.environment.name",
    "DEPLOYMENT_ENVIRONMENT_NAME": "deployment.environment.name",
    "DEPLOYMENT_NAME": "deployment.name",
    "DEPLOYMENT_ID": "deployment.id",
    **{f"K8S_{each}": f"k8s.{each.lower()}.name" for each in PARTS_OF_CLUSTERS},
    **{f"K8S_{each}_NAME": f"k8s.{each.lower()}.name" for each in PARTS_OF_CLUSTERS},
    **{f"K8S_{each}_UID": f"k8s.{each.lower()}.uid" for each in PARTS_OF_CLUSTERS},
    "CLOUD_PROVIDER": "cloud.provider",
    "CLOUD_PLATFORM": "cloud.platform",
    "CLOUD_REGION": "cloud.region",
    "CLOUD_ZONE": "cloud.availability_zone",
    "CLOUD_AVAILABILITY_ZONE": "cloud.availability_zone",
    "CLOUD_ACCOUNT_ID": "cloud.account.id",
    "CLOUD_RESOURCE_ID": "cloud.resource_id",
}
"""Variables by the attribute they are; later ones win. Others of these names stay at home: they
may be another program's keys."""


def attributes_of(settings: Settings, process: str) -> dict[str, str]:
    """Return what is told of this process, unless `OTEL_RESOURCE_ATTRIBUTES` says otherwise."""
    told = settings.telemetry
    return {
        "service.name": "ledgerbank",
        "service.version": VERSION,
        "service.instance.id": process_name(),
        "ledgerbank.process": process,
        "deployment.environment.name": settings.core.env,
        **{ATTRIBUTES[name]: told[name] for name in ATTRIBUTES if name in told},
    }
