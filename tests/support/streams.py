"""What a user of the Python client does with running pods: prints one line a step."""

import sys

from kubernetes import client, config
from kubernetes.stream import portforward, stream

_, kubeconfig, talker, server = sys.argv
config.load_kube_config(kubeconfig)
core = client.CoreV1Api()

command = ["sh", "-c", "echo $((6 * 7))"]
answer = stream(
    core.connect_get_namespaced_pod_exec, talker, "default", command=command, stdout=True, stderr=True
)
print("exec", answer.strip())

session = stream(
    core.connect_get_namespaced_pod_exec,
    talker,
    "default",
    command=["sh", "-c", "read line; echo got $line; exit 3"],
    stdin=True,
    stdout=True,
    _preload_content=False,
)
session.write_stdin("this\n")
session.run_forever(timeout=20)
print("session", session.read_stdout().strip(), session.returncode)

print("log", core.read_namespaced_pod_log(talker, "default", tail_lines=1).split()[0])

tunnel = portforward(core.connect_get_namespaced_pod_portforward, server, "default", ports="8080")
socket = tunnel.socket(8080)
socket.settimeout(20)
socket.sendall(b"GET /passwd HTTP/1.0\r\n\r\n")
page = b""
while True:
    piece = socket.recv(4096)
    if not piece:
        break
    page += piece
print("forwarded", page.split(b"\r\n\r\n")[1].decode().strip())
