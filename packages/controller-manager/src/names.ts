/** The names of the control loops, as `--controllers` takes them: those of the stock process (names/controller_names.go). */
import { ConfigError } from '@kubets/platform';

/** Every name, with the older one the stock process still knows; '' where there is none. */
export const CONTROLLER_NAMES = {
  'bootstrap-signer-controller': 'bootstrapsigner',
  'certificatesigningrequest-approving-controller': 'csrapproving',
  'certificatesigningrequest-cleaner-controller': 'csrcleaner',
  'certificatesigningrequest-signing-controller': 'csrsigning',
  'clusterrole-aggregation-controller': 'clusterrole-aggregation',
  'cronjob-controller': 'cronjob',
  'daemonset-controller': 'daemonset',
  'deployment-controller': 'deployment',
  'disruption-controller': 'disruption',
  'endpoints-controller': 'endpoint',
  'endpointslice-controller': 'endpointslice',
  'endpointslice-mirroring-controller': 'endpointslicemirroring',
  'ephemeral-volume-controller': 'ephemeral-volume',
  'garbage-collector-controller': 'garbagecollector',
  'horizontal-pod-autoscaler-controller': 'horizontalpodautoscaling',
  'job-controller': 'job',
  'legacy-serviceaccount-token-cleaner-controller': 'legacy-service-account-token-cleaner',
  'namespace-controller': 'namespace',
  'node-ipam-controller': 'nodeipam',
  'node-lifecycle-controller': 'nodelifecycle',
  'persistentvolume-attach-detach-controller': 'attachdetach',
  'persistentvolume-binder-controller': 'persistentvolume-binder',
  'persistentvolume-expander-controller': 'persistentvolume-expander',
  'persistentvolume-protection-controller': 'pv-protection',
  'persistentvolumeclaim-protection-controller': 'pvc-protection',
  'pod-garbage-collector-controller': 'podgc',
  'replicaset-controller': 'replicaset',
  'replicationcontroller-controller': 'replicationcontroller',
  'resourcequota-controller': 'resourcequota',
  'root-ca-certificate-publisher-controller': 'root-ca-cert-publisher',
  'serviceaccount-controller': 'serviceaccount',
  'serviceaccount-token-controller': 'serviceaccount-token',
  'statefulset-controller': 'statefulset',
  'taint-eviction-controller': '',
  'token-cleaner-controller': 'tokencleaner',
  'ttl-after-finished-controller': 'ttl-after-finished',
  'ttl-controller': 'ttl',
} as const;

export type ControllerName = keyof typeof CONTROLLER_NAMES;

/**
 * Names the stock process takes for what this one does not do: another process of the cluster does it (the
 * cloud-controller-manager, the apiserver), or it needs features that are off in 1.32.
 */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'cloud-node-lifecycle-controller': 'cloud-node-lifecycle',
  'node-route-controller': 'route',
  'resourceclaim-controller': 'resource-claim-controller',
  'selinux-warning-controller': 'selinux-warning',
  'service-cidr-controller': '',
  'service-lb-controller': 'service',
  'storage-version-migrator-controller': '',
  'storageversion-garbage-collector-controller': 'storage-version-gc',
  'validatingadmissionpolicy-status-controller': '',
};

const NAMES = Object.keys(CONTROLLER_NAMES) as ControllerName[];

/** @returns undefined for what other processes do. @throws ConfigError for a name nobody knows */
function find(word: string): ControllerName | undefined {
  const known = NAMES.find((name) => name === word || CONTROLLER_NAMES[name] === word);
  if (known !== undefined) return known;
  const foreign = Object.entries(ELSEWHERE).some((entry) => entry.includes(word));
  if (foreign && word !== '') return undefined;
  throw new ConfigError(`--controllers: "${word}" is not in the list of known controllers`);
}

/**
 * Which controllers `--controllers` names: the first word about a controller decides, `*` stands for all that nothing is said
 * of, and without it only those named run.
 * @throws ConfigError for a name nobody knows
 */
export function chosenControllers(words: readonly string[]): ReadonlySet<ControllerName> {
  const said = new Map<ControllerName, boolean>();
  for (const word of words) {
    if (word === '*') continue;
    const isOff = word.startsWith('-');
    const name = find(isOff ? word.slice(1) : word);
    if (name !== undefined && !said.has(name)) said.set(name, !isOff);
  }
  const others = words.includes('*');
  return new Set(NAMES.filter((name) => said.get(name) ?? others));
}
