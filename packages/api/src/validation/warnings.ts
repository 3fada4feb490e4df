/** Warnings: what is let through although its author probably meant something else. */
import { semanticEqual } from '../equal.ts';
import type { Container, ObjectMeta, PodSpec, Secret, Volume } from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { isJsonObject, type KubeObject } from '../meta.ts';
import { parseQuantity } from '../quantity.ts';
import type { KindDef } from '../registry.ts';

/** Where a kind keeps the spec of its pods. */
const POD_SPECS: Readonly<Record<string, readonly string[]>> = {
  '/Pod': ['spec'],
  '/PodTemplate': ['template', 'spec'],
  '/ReplicationController': ['spec', 'template', 'spec'],
  'apps/DaemonSet': ['spec', 'template', 'spec'],
  'apps/Deployment': ['spec', 'template', 'spec'],
  'apps/ReplicaSet': ['spec', 'template', 'spec'],
  'apps/StatefulSet': ['spec', 'template', 'spec'],
  'batch/Job': ['spec', 'template', 'spec'],
  'batch/CronJob': ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
};

const DEPRECATED_VOLUMES: readonly [keyof Volume, string][] = [
  ['gitRepo', 'deprecated in v1.11'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+'],
];

const DEPRECATED_LABELS: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region':
    'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone':
    'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type':
    'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

function projectedWarnings(v: Volume): string[] {
  const sources = v.projected?.sources ?? [];
  const out: string[] = [];
  if (sources.some((s) => Object.keys(s).length === 0)) {
    out.push(`volume ${goQuote(v.name)} (Projected) has no sources provided`);
  }
  const tokens = sources.map((s) => s.serviceAccountToken?.path).filter((p) => p !== undefined);
  const seen = new Set<string>();
  for (const path of tokens) {
    if (seen.has(path)) {
      const one = `${goQuote(path)} (ServiceAccountToken)`;
      out.push(`volume ${goQuote(v.name)} (Projected): overlapping paths: ${one} with ${one}`);
    }
    seen.add(path);
  }
  return out;
}

function containerWarnings(path: string, c: Container): string[] {
  const out: string[] = [];
  for (const field of ['limits', 'requests'] as const) {
    for (const [name, text] of Object.entries(c.resources?.[field] ?? {})) {
      if (!['memory', 'ephemeral-storage'].includes(name) || parseQuantity(text).isInteger()) {
        continue;
      }
      const what = `fractional byte value ${goQuote(text)} is invalid, must be an integer`;
      out.push(`${path}.resources.${field}[${name}]: ${what}`);
    }
  }
  (c.env ?? []).forEach((e, i) => {
    const before = (c.env ?? []).slice(0, i).find((o) => o.name === e.name);
    if (!before || semanticEqual(before, e)) return;
    const why = `hides previous definition of ${goQuote(e.name)}, which may be unexpected`;
    out.push(`${path}.env[${i}]: ${why}`);
  });
  const ports = c.ports ?? [];
  ports.forEach((p, i) => {
    const first = ports.findIndex(
      (o) => o.containerPort === p.containerPort && o.protocol === p.protocol,
    );
    if (first < i && !p.hostPort) {
      out.push(`${path}.ports[${i}]: duplicate port definition with ${path}.ports[${first}]`);
    }
  });
  return out;
}

function podWarnings(path: string, spec: PodSpec): string[] {
  const out: string[] = [];
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const why = DEPRECATED_LABELS[key];
    if (why) out.push(`${path}.nodeSelector[${key}]: ${why}`);
  }
  (spec.topologySpreadConstraints ?? []).forEach((c, i) => {
    if (c.labelSelector) return;
    const at = `${path}.topologySpreadConstraints[${i}].labelSelector`;
    out.push(`${at}: a null labelSelector results in matching no pod`);
  });
  (spec.imagePullSecrets ?? []).forEach((s, i) => {
    if (!s.name) out.push(`${path}.imagePullSecrets[${i}]: invalid empty name ""`);
  });
  (spec.volumes ?? []).forEach((v, i) => {
    for (const [kind, why] of DEPRECATED_VOLUMES) {
      if (v[kind] !== undefined) out.push(`${path}.volumes[${i}].${kind}: ${why}`);
    }
    out.push(...projectedWarnings(v));
  });
  for (const kind of ['initContainers', 'containers'] as const) {
    (spec[kind] ?? []).forEach((c, i) => {
      out.push(...containerWarnings(`${path}.${kind}[${i}]`, c));
    });
  }
  return out;
}

function ownerWarnings(meta: ObjectMeta): string[] {
  const owners = meta.ownerReferences ?? [];
  const repeated = owners.filter((o, i) => owners.findIndex((p) => semanticEqual(o, p)) < i);
  if (repeated.length === 0) return [];
  const uids = [...new Set(repeated.map((o) => o.uid))].join(', ');
  const what = '.metadata.ownerReferences contains duplicate entries';
  const advice =
    'API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests';
  return [`${what}; ${advice}; duplicate UID(s) observed: ${uids}`];
}

function secretWarnings(secret: Secret): string[] {
  if (secret.type !== 'kubernetes.io/tls') return [];
  const certificate = Buffer.from(secret.data?.['tls.crt'] ?? '', 'base64').toString();
  if (certificate.includes('-----BEGIN ')) return [];
  return ['tls: failed to find any PEM data in certificate input'];
}

function specAt(object: KubeObject, path: readonly string[]): PodSpec | undefined {
  let at: unknown = object;
  for (const step of path) at = isJsonObject(at) ? at[step] : undefined;
  return isJsonObject(at) ? (at as unknown as PodSpec) : undefined;
}

/**
 * What to warn of when an object is written. Takes the object as decoded and defaulted, before it is prepared; with
 * `old`, pods in a workload are only looked at again when they changed.
 */
export function objectWarnings(def: KindDef, object: KubeObject, old?: KubeObject): string[] {
  const key = `${def.group}/${def.kind}`;
  const out = ownerWarnings(object.metadata);
  if (key === '/Secret') out.push(...secretWarnings(object as Secret));
  const path = POD_SPECS[key];
  const spec = path ? specAt(object, path) : undefined;
  if (!path || !spec) return out;
  if (old && semanticEqual(spec, specAt(old, path))) return out;
  return [...out, ...podWarnings(path.join('.'), spec)];
}
