"""What a user of the Python client does: prints one line a step, fails at the first surprise."""

import sys

from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException

config.load_kube_config(sys.argv[1])
core = client.CoreV1Api()
apps = client.AppsV1Api()

body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="py"), data={"n": "1"})
made = core.create_namespaced_config_map("default", body)
print("created", made.metadata.name)

found = core.read_namespaced_config_map("py", "default")
found.data["n"] = "2"
replaced = core.replace_namespaced_config_map("py", "default", found)
print("replaced", replaced.data["n"])
try:
    core.replace_namespaced_config_map("py", "default", found)
except ApiException as error:
    print("refused", error.status, error.reason)

patched = core.patch_namespaced_config_map("py", "default", {"data": {"more": "x"}})
print("patched", sorted(patched.data))

container = client.V1Container(name="web", image="example.org/web:1")
template = client.V1PodTemplateSpec(
    metadata=client.V1ObjectMeta(labels={"app": "web"}),
    spec=client.V1PodSpec(containers=[container]),
)
spec = client.V1DeploymentSpec(
    selector=client.V1LabelSelector(match_labels={"app": "web"}), template=template
)
deployment = client.V1Deployment(metadata=client.V1ObjectMeta(name="py"), spec=spec)
apps.create_namespaced_deployment("default", deployment)
scaled = apps.patch_namespaced_deployment_scale("py", "default", {"spec": {"replicas": 3}})
print("scaled", scaled.spec.replicas)

version = core.list_namespaced_config_map("default").metadata.resource_version
core.delete_namespaced_config_map("py", "default")
stream = watch.Watch()
for event in stream.stream(
    core.list_namespaced_config_map, "default", resource_version=version, timeout_seconds=20
):
    print("watched", event["type"], event["object"].metadata.name)
    stream.stop()
