/** Labels of the system's domains that decide which pods a node may attract: a kubelet sets few of them on its own node. */

const RESTRICTED_PREFIX = 'node-restriction.kubernetes.io';
const KUBELET_LABELS: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);
const KUBELET_LABEL_PREFIXES = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

type Labels = Readonly<Record<string, string>> | undefined;

/** Keys of labels that differ and that a kubelet may not set, sorted. */
export function forbiddenLabels(now: Labels = {}, before: Labels = {}): string[] {
  const keys = new Set([...Object.keys(now), ...Object.keys(before)]);
  return [...keys].filter((key) => now[key] !== before[key] && isForbidden(key)).sort();
}

function isForbidden(key: string): boolean {
  const [domain = '', name] = key.split('/', 2);
  if (name === undefined) return false;
  if (within(domain, RESTRICTED_PREFIX)) return true;
  if (!within(domain, 'kubernetes.io') && !within(domain, 'k8s.io')) return false;
  if (KUBELET_LABELS.has(key)) return false;
  return !KUBELET_LABEL_PREFIXES.some((prefix) => within(domain, prefix));
}

const within = (domain: string, parent: string): boolean =>
  domain === parent || domain.endsWith(`.${parent}`);
