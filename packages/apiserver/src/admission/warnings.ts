import { X509Certificate } from 'node:crypto';
import {
  type Container,
  type CustomResourceDefinition,
  type KubeObject,
  type PodSpec,
  Quantity,
  type Secret,
  type Volume,
} from '@kubets/api';
import type { AdmissionPlugin } from '../ports.ts';
import { podSpecOf } from './pod-templates.ts';
import { concerns, objectAs } from './support.ts';

const DEPRECATED_VOLUMES: Readonly<Record<string, string>> = {
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  gitRepo: 'deprecated in v1.11',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
};

/** Tells about what is accepted but will not do what its author thinks. Never refuses. */
export function objectWarnings(): AdmissionPlugin {
  return {
    name: 'ObjectWarnings',
    admit(a) {
      const text = a.object && ownerProblem(a.object);
      if (text) a.addWarning(text);
    },
    validate(a) {
      if (a.operation !== 'CREATE' && a.operation !== 'UPDATE') return;
      if (concerns(a, 'apiextensions.k8s.io', 'customresourcedefinitions', 'CREATE', 'UPDATE')) {
        const text = conversionProblem(objectAs<CustomResourceDefinition>(a));
        if (text) a.addWarning(text);
      }
      const found = podSpecOf(a);
      // The spec of a pod hardly changes after its creation; its author has been told.
      const isOldPod = found?.path === 'spec' && a.operation === 'UPDATE';
      if (found && !isOldPod) {
        for (const text of podWarnings(found.spec, found.path)) a.addWarning(text);
      }
      if (concerns(a, '', 'secrets', 'CREATE', 'UPDATE')) {
        const text = tlsProblem(objectAs<Secret>(a));
        if (text) a.addWarning(text);
      }
    },
  };
}

/** Versions that would need a webhook to be shown. */
function conversionProblem(crd: CustomResourceDefinition): string | undefined {
  if (crd.spec.conversion?.strategy !== 'Webhook') return undefined;
  const others = crd.spec.versions.filter((one) => one.served && !one.storage);
  if (others.length === 0) return undefined;
  const names = others.map((one) => one.name).join(', ');
  return `this server does not call conversion webhooks: only the storage version is served, not ${names}`;
}

/** Owners that are named twice; the server keeps the first of each, which may not be what the author expects. */
function ownerProblem(object: KubeObject): string | undefined {
  const uids = (object.metadata.ownerReferences ?? []).map((owner) => owner.uid);
  const twice = [...new Set(uids.filter((uid, i) => uids.indexOf(uid) !== i))];
  if (twice.length === 0) return undefined;
  return (
    '.metadata.ownerReferences contains duplicate entries; API server dedups owner references in ' +
    '1.20+, and may reject such requests as early as 1.24; please fix your requests; ' +
    `duplicate UID(s) observed: ${twice.join(', ')}`
  );
}

/** All remarks about a pod spec at a path. */
export function podWarnings(spec: PodSpec, path: string): string[] {
  const containers = [
    ...(spec.initContainers ?? []).map((one, i) => ({ one, at: `${path}.initContainers[${i}]` })),
    ...(spec.containers ?? []).map((one, i) => ({ one, at: `${path}.containers[${i}]` })),
  ];
  return [
    ...spreadWarnings(spec, path),
    ...(spec.volumes ?? []).flatMap((volume, i) => volumeWarnings(volume, `${path}.volumes[${i}]`)),
    ...pullSecretWarnings(spec, path),
    ...containers.flatMap(({ one, at }) => containerWarnings(one, at)),
    ...graceWarnings(spec, path),
  ];
}

function spreadWarnings(spec: PodSpec, path: string): string[] {
  return (spec.topologySpreadConstraints ?? []).flatMap((constraint, i) =>
    constraint.labelSelector
      ? []
      : [
          `${path}.topologySpreadConstraints[${i}].labelSelector: a null labelSelector results in matching no pod`,
        ],
  );
}

function volumeWarnings(volume: Volume, path: string): string[] {
  const texts = Object.keys(volume).flatMap((type) => {
    const text = DEPRECATED_VOLUMES[type];
    return text ? [`${path}.${type}: ${text}`] : [];
  });
  const sources = volume.projected?.sources ?? [];
  if (volume.projected && sources.every((source) => Object.keys(source).length === 0)) {
    texts.push(`volume ${JSON.stringify(volume.name)} (Projected) has no sources provided`);
  }
  return texts;
}

function pullSecretWarnings(spec: PodSpec, path: string): string[] {
  return (spec.imagePullSecrets ?? []).flatMap(({ name }, i) =>
    name ? [] : [`${path}.imagePullSecrets[${i}].name: invalid empty name ""`],
  );
}

function containerWarnings(container: Container, path: string): string[] {
  const texts: string[] = [];
  const seen = new Set<string>();
  for (const [i, { name }] of (container.env ?? []).entries()) {
    if (seen.has(name)) {
      const hides = `hides previous definition of ${JSON.stringify(name)}`;
      texts.push(`${path}.env[${i}]: ${hides}, which may be dropped when using apply`);
    }
    seen.add(name);
  }
  for (const which of ['limits', 'requests'] as const) {
    const memory = container.resources?.[which]?.memory;
    if (memory === undefined || Quantity.parse(memory).nanos % 1_000_000_000n === 0n) continue;
    const value = `fractional byte value ${JSON.stringify(memory)} is invalid, must be an integer`;
    texts.push(`${path}.resources.${which}[memory]: ${value}`);
  }
  return texts;
}

function graceWarnings(spec: PodSpec, path: string): string[] {
  if ((spec.terminationGracePeriodSeconds ?? 0) >= 0) return [];
  const what = 'must be >= 0; negative values are invalid and will be treated as 1';
  return [`${path}.terminationGracePeriodSeconds: ${what}`];
}

/** What is wrong with the certificate of a TLS secret; clients would only find out when they use it. */
function tlsProblem(secret: Secret): string | undefined {
  if (secret.type !== 'kubernetes.io/tls') return undefined;
  const pem = Buffer.from(String(secret.data?.['tls.crt'] ?? ''), 'base64').toString('latin1');
  if (!pem.includes('-----BEGIN ')) {
    return 'tls: failed to find any PEM data in certificate input';
  }
  try {
    new X509Certificate(pem);
    return undefined;
  } catch {
    // The reason is OpenSSL's wording; that it cannot be read is what counts.
    return 'tls: failed to parse certificate input';
  }
}
