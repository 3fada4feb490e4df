/** Short descriptions of types and fields, for `kubectl explain`. */
import type { FieldDef } from '../schema/schema.ts';

/** By field name, where the name alone says enough in every type that has it. */
const FIELDS: Readonly<Record<string, string>> = {
  accessModes: 'How the volume may be mounted.',
  activeDeadlineSeconds: 'Seconds it may be active before it is stopped and marked failed.',
  affinity: 'Rules about which nodes, and which pods nearby, suit the pod.',
  allocatable: 'What of the capacity pods may use.',
  annotations: 'Free-form notes by key, for tools; not used to select objects.',
  apiGroup: 'API group, empty for the core group.',
  apiVersion:
    'APIVersion defines the version of the API this object is written in, as group/version.',
  args: 'Arguments of the command; the image’s own when empty. $(NAME) is replaced by variables.',
  automountServiceAccountToken: 'Whether a token of the service account is mounted.',
  backoffLimit: 'How many failed pods are tolerated before the job fails.',
  binaryData: 'Binary values by key, base64 encoded.',
  capacity: 'Total amounts of its resources.',
  clusterIP: 'Address of the service inside the cluster; None for a headless service.',
  clusterIPs: 'All addresses of the service inside the cluster, one per IP family.',
  command: 'Command to run instead of the image’s entrypoint. $(NAME) is replaced by variables.',
  completions: 'How many pods have to succeed.',
  concurrencyPolicy:
    'What happens when a run is due while another is active: Allow, Forbid, Replace.',
  conditions: 'Latest observations of its state.',
  configMap: 'Files out of a ConfigMap.',
  containerPort: 'Port number the container listens on.',
  containers: 'Containers of the pod; at least one.',
  creationTimestamp: 'CreationTimestamp is a timestamp: when the server created the object.',
  data: 'Values by key.',
  deletionGracePeriodSeconds: 'Seconds it has to stop once deletion was asked for.',
  deletionTimestamp: 'When deletion was asked for. Set by the server.',
  dnsPolicy: 'How names are resolved: ClusterFirst, ClusterFirstWithHostNet, Default or None.',
  effect:
    'What happens to pods that do not tolerate it: NoSchedule, PreferNoSchedule or NoExecute.',
  emptyDir: 'An empty directory that lives as long as the pod.',
  env: 'Environment variables.',
  envFrom: 'ConfigMaps and Secrets whose keys all become environment variables.',
  ephemeralContainers: 'Containers added to a running pod, for debugging.',
  externalIPs: 'Addresses of others at which nodes accept traffic for the service.',
  externalName: 'Name the service is an alias of.',
  externalTrafficPolicy:
    'Whether outside traffic goes to all endpoints (Cluster) or to local ones (Local).',
  failureThreshold: 'Failures in a row until the probe counts as failed.',
  fieldRef: 'A field of the pod.',
  finalizers: 'Parties that must agree before the object is gone.',
  generateName: 'Prefix the server makes a unique name of, when no name is given.',
  generation: 'Counts the changes of the desired state. Set by the server.',
  gracePeriodSeconds: 'Seconds given to stop; zero stops at once.',
  host: 'Host name.',
  hostIP: 'Address of the host.',
  hostNetwork: 'Whether the pod uses the node’s own network.',
  hostPath: 'A file or directory of the node.',
  hostPort: 'Port of the node that leads to the container.',
  hostname: 'Host name of the pod.',
  httpGet: 'An HTTP GET request.',
  image: 'Name of the container image.',
  imagePullPolicy: 'When the image is pulled: Always, IfNotPresent or Never.',
  imagePullSecrets: 'Secrets with credentials for image registries.',
  immutable: 'Whether the data may never change.',
  ingressClassName: 'Name of the IngressClass that says who handles it.',
  initContainers: 'Containers that run one after the other before the others start.',
  initialDelaySeconds: 'Seconds after start until the first probe.',
  internalTrafficPolicy:
    'Whether traffic inside goes to all endpoints (Cluster) or to local ones (Local).',
  items: 'The objects of the list.',
  key: 'The key.',
  kind: 'Kind of the object.',
  labels: 'Short key/value pairs by which objects are found and selected.',
  lifecycle: 'What to do right after start and before stop.',
  limits: 'Most it may use of each resource.',
  livenessProbe: 'Tells whether the container has to be restarted.',
  managedFields: 'Who set which fields. Kept by the server.',
  matchExpressions: 'Requirements on labels; all must hold.',
  matchLabels: 'Labels that must be there with exactly these values.',
  maxSurge: 'How many more pods than desired there may be during an update; number or percentage.',
  maxUnavailable: 'How many pods may be missing during an update; number or percentage.',
  message: 'Explanation for people.',
  metadata: "Standard object's metadata: name, namespace, labels and other data every object has.",
  minReadySeconds: 'Seconds a pod must be ready before it counts as available.',
  mountPath: 'Where in the container the volume is mounted.',
  name: 'The name.',
  namespace: 'The namespace; names are unique within one.',
  nodeName: 'Node the pod runs on. Set by the scheduler when empty.',
  nodePort: 'Port at which every node answers for the service.',
  nodeSelector: 'Labels a node must have to run the pod.',
  observedGeneration: 'Generation of the object this status was made from.',
  operator: 'How key and values are compared.',
  optional: 'Whether it may be missing.',
  overhead: 'What running the pod costs besides its containers.',
  ownerReferences: 'Objects this one belongs to; it goes when they are gone.',
  parallelism: 'How many pods may run at a time.',
  path: 'The path.',
  paused: 'Whether changes are held back.',
  periodSeconds: 'Seconds from one probe to the next.',
  persistentVolumeClaim: 'A claim in the same namespace.',
  phase: 'Where it is in its life.',
  podIP: 'Address of the pod.',
  podIPs: 'Addresses of the pod, one per IP family.',
  podSelector: 'Labels of the pods it is about.',
  port: 'The port.',
  ports: 'The ports.',
  preemptionPolicy:
    'Whether it may push out pods of lower priority: Never or PreemptLowerPriority.',
  priority: 'Importance as a number; higher goes first.',
  priorityClassName: 'Name of the PriorityClass its priority comes from.',
  privileged: 'Whether the container has all rights on the node.',
  progressDeadlineSeconds: 'Seconds without progress after which an update counts as failed.',
  protocol: 'TCP, UDP or SCTP.',
  provisioner: 'Who makes the volumes.',
  readOnly: 'Whether it may only be read.',
  readinessGates: 'Further conditions that must be True before the pod is ready.',
  readinessProbe: 'Tells whether the container is ready for traffic.',
  readyReplicas: 'How many pods are ready.',
  availableReplicas: 'How many pods have been ready long enough.',
  updatedReplicas: 'How many pods have the latest template.',
  reason: 'Reason in one word, for programs.',
  replicas: 'How many pods there are, or should be.',
  requests: 'Least it needs of each resource; this much is kept free for it.',
  resourceVersion: 'Version of the stored object; changes with every write.',
  resources: 'What it needs and may use of CPU, memory and other resources.',
  restartPolicy: 'When containers are started again: Always, OnFailure or Never.',
  revisionHistoryLimit: 'How many old revisions are kept for going back.',
  roleRef: 'The role that is granted. Never changes.',
  rollingUpdate: 'How pods are replaced a few at a time.',
  rules: 'The rules.',
  runAsNonRoot: 'Whether the container must not run as root.',
  runAsUser: 'Numeric user the process runs as.',
  runAsGroup: 'Numeric group the process runs as.',
  schedule: 'When it runs, in cron format.',
  schedulerName: 'Scheduler that places the pod.',
  secret: 'Files out of a Secret.',
  securityContext: 'User, rights and other security settings.',
  selector: 'Labels of the pods it is about.',
  serviceAccountName: 'Service account the pod acts as.',
  serviceName: 'Headless service that gives the pods their names.',
  sessionAffinity: 'ClientIP keeps a client at one endpoint; None does not.',
  spec: 'What is wanted.',
  startupProbe: 'Holds the other probes back until the container has started.',
  status: 'What is the case, as last observed.',
  storageClassName: 'Name of the StorageClass.',
  strategy: 'How old pods are replaced by new ones.',
  stringData: 'Values by key as plain text; written into data.',
  subjects: 'Who is granted the role.',
  successThreshold: 'Successes in a row until the probe counts as passed.',
  suspend: 'Whether it is held back.',
  taints: 'Marks that keep pods away which do not tolerate them.',
  targetPort: 'Port of the pods, by number or name.',
  tcpSocket: 'A TCP connection.',
  template: 'The pods it makes.',
  terminationGracePeriodSeconds:
    'Seconds processes have from the stop signal until they are killed.',
  terminationMessagePath: 'File whose text is kept when the container ends.',
  timeoutSeconds: 'Seconds until it counts as failed.',
  tls: 'Certificates for hosts.',
  tolerations: 'Taints the pod does not mind.',
  topologySpreadConstraints: 'How evenly pods are spread over parts of the cluster.',
  ttlSecondsAfterFinished: 'Seconds after its end until it is deleted.',
  type: 'The type.',
  uid: 'Unique id, never used again. Set by the server.',
  unschedulable: 'Whether new pods are kept away.',
  updateStrategy: 'How pods are replaced when the template changes.',
  value: 'The value.',
  valueFrom: 'Where the value comes from.',
  verbs: 'What may be done.',
  volumeClaimTemplates: 'Claims every pod gets of its own.',
  volumeMounts: 'Volumes in the container’s file system.',
  volumeName: 'Name of the volume.',
  volumes: 'Volumes its containers can mount.',
  workingDir: 'Directory the command starts in.',
};

/** By type name; the kinds people ask about. */
const TYPES: Readonly<Record<string, string>> = {
  Pod: 'Containers that run together on one node.',
  PodSpec: 'What a pod is to be.',
  Container: 'One container of a pod.',
  Deployment: 'Keeps a number of equal pods running and updates them step by step.',
  ReplicaSet: 'Keeps a number of equal pods running.',
  ReplicationController: 'Keeps a number of equal pods running; ReplicaSet is its successor.',
  DaemonSet: 'Runs a copy of a pod on every node that fits.',
  StatefulSet: 'Runs pods with lasting names and volumes.',
  Job: 'Runs pods until enough of them have succeeded.',
  CronJob: 'Makes jobs at set times.',
  Service: 'One lasting address for a changing set of pods.',
  Ingress: 'Rules that lead HTTP traffic from outside to services.',
  ConfigMap: 'Configuration values for pods.',
  Secret: 'Confidential values for pods.',
  Namespace: 'A scope for names.',
  Node: 'A machine that runs pods.',
  ServiceAccount: 'An identity for the processes of pods.',
  PersistentVolume: 'A piece of storage.',
  PersistentVolumeClaim: 'A request for storage.',
  StorageClass: 'A way volumes are made.',
  Event: 'A report of something that happened to an object.',
  Endpoints: 'The addresses behind a service.',
  EndpointSlice: 'Some of the addresses behind a service.',
  Role: 'Rights within a namespace.',
  ClusterRole: 'Rights that can be granted in any namespace or cluster-wide.',
  RoleBinding: 'Grants a role within a namespace.',
  ClusterRoleBinding: 'Grants a cluster role everywhere.',
  Lease: 'A claim that has to be renewed; leaders are elected with it.',
  PriorityClass: 'A name for a priority.',
  NetworkPolicy: 'Which traffic reaches pods and leaves them.',
  HorizontalPodAutoscaler: 'Changes the number of pods with their load.',
  PodDisruptionBudget: 'How many pods may be taken away on purpose at a time.',
  ObjectMeta: 'Data every object has.',
  ListMeta: 'Data every list has.',
  LabelSelector: 'Requirements on labels; all must hold.',
};

/** `terminationGracePeriodSeconds` → `termination grace period seconds`. */
function words(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .replaceAll('-', ' ')
    .split(' ')
    .map((w) => (/^[A-Z]{2,}s?$/.test(w) ? w : w.toLowerCase()))
    .join(' ');
}

export function describeField(field: FieldDef): string {
  const known = FIELDS[field.name];
  if (known) return known;
  const text = words(field.name);
  const seconds = text.endsWith(' seconds') ? `${text.slice(0, -8)}, in seconds` : text;
  switch (field.type.kind) {
    case 'bool':
      return `Whether “${text}” holds.`;
    case 'list':
      return `List: ${text}.`;
    case 'map':
      return `Map: ${text}, by key.`;
    case 'time':
    case 'microTime':
      return `Time: ${text}.`;
    default:
      return `The ${seconds}.`;
  }
}

/** Of query parameters, by name. */
const PARAMETERS: Readonly<Record<string, string>> = {
  command: 'The command, without a shell: once for each of its words.',
  container: 'The container that is meant; may be left out where there is only one.',
  follow: 'Whether the answer goes on with what is written later.',
  insecureSkipTLSVerifyBackend:
    'Whether a kubelet whose certificate cannot be checked is believed.',
  limitBytes: 'Bytes after which the answer ends.',
  path: 'The path below, as it is passed on.',
  ports: 'Ports that are wanted.',
  pretty: 'Whether the answer is laid out for people.',
  previous: 'Whether the container that ended last is meant.',
  sinceSeconds: 'Seconds before now at which the answer begins.',
  stderr: 'Whether the standard error of the process is sent.',
  stdin: 'Whether the standard input of the process is fed.',
  stdout: 'Whether the standard output of the process is sent.',
  tailLines: 'Lines from the end at which the answer begins.',
  timestamps: 'Whether each line begins with its time.',
  tty: 'Whether the process has a terminal.',
  ignoreStoreReadErrorWithClusterBreakingPotential:
    'Whether an object that cannot be read goes, too, whatever breaks.',
  allowWatchBookmarks: 'Lets a watch send bookmarks: events that only say how far it has come.',
  continue: 'Goes on with a list that was cut off by limit: the token its answer held.',
  dryRun: 'All: everything is checked and answered as if done, but nothing is stored.',
  fieldManager: 'Name under which the fields this request sets are kept in mind.',
  fieldSelector: 'Narrows the list of returned objects by the values of their fields.',
  fieldValidation: 'What becomes of unknown or repeated fields: Ignore, Warn or Strict.',
  force: 'Whether an apply takes over fields that others manage.',
  gracePeriodSeconds: 'Seconds the object has to stop; zero stops it at once.',
  labelSelector: 'Narrows the list of returned objects by their labels.',
  limit: 'Most objects one answer may hold; more are fetched with continue.',
  orphanDependents: 'Older form of propagationPolicy: true leaves dependents alone.',
  propagationPolicy: 'What becomes of dependents: Orphan, Background or Foreground.',
  resourceVersion: 'State the answer is made from, or a watch starts after.',
  resourceVersionMatch: 'How resourceVersion is meant: NotOlderThan or Exact.',
  sendInitialEvents:
    'Whether a watch begins with events of all there is, and a bookmark after them.',
  timeoutSeconds: 'Seconds after which a list is given up or a watch ends.',
  watch: 'Watch for changes to the described resources, as a stream of events, instead of a list.',
};

/** What a query parameter of every resource means. */
export const describeParameter = (name: string): string | undefined => PARAMETERS[name];

function plural(text: string): string {
  if (/[^aeiou]y$/.test(text)) return `${text.slice(0, -1)}ies`;
  return /(s|x|ch)$/.test(text) ? `${text}es` : `${text}s`;
}

/** What the items of a list kind are: `List of network policies.` of `NetworkPolicyList`. */
export function describeItems(baseName: string): string {
  return `List of ${plural(words(baseName.replace(/List$/, '')))}.`;
}

export function describeType(baseName: string): string {
  const known = TYPES[baseName];
  if (known) return known;
  if (baseName.endsWith('List')) return `A list of ${baseName.slice(0, -4)} objects.`;
  const text = words(baseName);
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}
