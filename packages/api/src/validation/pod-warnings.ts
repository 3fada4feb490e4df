/** What the stock server warns of in the specs of pods, in its order and words. */
import type {
  Container,
  ContainerPort,
  KeyToPath,
  NodeSelectorTerm,
  PodAffinity,
  PodSpec,
  PodTemplateSpec,
  Volume,
  VolumeProjection,
  VolumeResourceRequirements,
} from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { parseQuantity } from '../quantity.ts';

const DEPRECATED_VOLUMES: readonly (readonly [keyof Volume, string])[] = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'deprecated in v1.11'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
];
/** Where a warning's path does not use the field's JSON name. */
const VOLUME_PATHS: Readonly<Record<string, string>> = { storageos: 'storageOS' };

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

const DEPRECATED_ANNOTATIONS: readonly (readonly [string, string])[] = [
  [
    'scheduler.alpha.kubernetes.io/critical-pod',
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  ],
  [
    'security.alpha.kubernetes.io/sysctls',
    'non-functional in v1.11+; use the "sysctls" field instead',
  ],
  [
    'security.alpha.kubernetes.io/unsafe-sysctls',
    'non-functional in v1.11+; use the "sysctls" field instead',
  ],
];
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
const APP_ARMOR = 'container.apparmor.security.beta.kubernetes.io/';
const NULL_SELECTOR = 'a null labelSelector results in matching no pod';

/** The advice for a node label that has a successor. */
export function deprecatedLabel(key: string): string | undefined {
  return Object.hasOwn(DEPRECATED_LABELS, key) ? DEPRECATED_LABELS[key] : undefined;
}

/** Old node labels in the keys of a term's expressions. */
export function termWarnings(term: NodeSelectorTerm | undefined, path: string): string[] {
  return (term?.matchExpressions ?? []).flatMap(({ key }, i) => {
    const why = deprecatedLabel(key);
    return why ? [`${path}.matchExpressions[${i}].key: ${key} is ${why}`] : [];
  });
}

/** @param path of the template: `spec.template`; '' for a pod itself */
export function podWarnings(path: string, template: PodTemplateSpec): string[] {
  const at = (field: string): string => (path === '' ? field : `${path}.${field}`);
  const spec = template.spec ?? { containers: [] };
  const annotations = template.metadata?.annotations ?? {};
  const containers = containersOf(spec, at('spec'));
  return [
    ...nodeWarnings(spec, at('spec')),
    ...spreadWarnings(spec, at('spec')),
    ...DEPRECATED_ANNOTATIONS.flatMap(([key, why]) =>
      Object.hasOwn(annotations, key) ? [`${at('metadata.annotations')}[${key}]: ${why}`] : [],
    ),
    ...(spec.volumes ?? []).flatMap((v, i) => volumeWarnings(v, `${at('spec')}.volumes[${i}]`)),
    ...(spec.volumes ?? []).flatMap(overlapWarnings),
    ...listWarnings(spec, at('spec')),
    ...fractions(spec.overhead, `${at('spec')}.overhead`),
    ...seccompWarnings(spec, annotations, at('metadata.annotations')),
    ...containers.flatMap(({ one, path: where }) => [
      ...annotationWarnings(one, { spec, annotations, path: at('metadata.annotations') }, path),
      ...containerWarnings(one, where),
    ]),
    ...portWarnings(containers),
    ...graceWarnings(spec, at('spec')),
    ...affinityWarnings(spec.affinity?.podAffinity, `${at('spec')}.affinity.podAffinity`),
    ...affinityWarnings(spec.affinity?.podAntiAffinity, `${at('spec')}.affinity.podAntiAffinity`),
  ];
}

interface Placed {
  readonly one: Container;
  readonly path: string;
}

function containersOf(spec: PodSpec, path: string): readonly Placed[] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((kind) =>
    (spec[kind] ?? []).map((one, i) => ({ one: one as Container, path: `${path}.${kind}[${i}]` })),
  );
}

function nodeWarnings(spec: PodSpec, path: string): string[] {
  const affinity = spec.affinity?.nodeAffinity;
  const required = affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution;
  const base = `${path}.affinity.nodeAffinity`;
  return [
    ...Object.keys(spec.nodeSelector ?? {}).flatMap((key) => {
      const why = deprecatedLabel(key);
      return why ? [`${path}.nodeSelector[${key}]: ${why}`] : [];
    }),
    ...(required ?? []).flatMap((term, i) => {
      const name = 'requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
      return termWarnings(term, `${base}.${name}[${i}]`);
    }),
    ...(preferred ?? []).flatMap(({ preference }, i) => {
      const name = 'preferredDuringSchedulingIgnoredDuringExecution';
      return termWarnings(preference, `${base}.${name}[${i}].preference`);
    }),
  ];
}

function spreadWarnings(spec: PodSpec, path: string): string[] {
  return (spec.topologySpreadConstraints ?? []).flatMap((constraint, i) => {
    const at = `${path}.topologySpreadConstraints[${i}]`;
    const { topologyKey, labelSelector } = constraint;
    const why = deprecatedLabel(topologyKey);
    return [
      ...(why ? [`${at}.topologyKey: ${topologyKey} is ${why}`] : []),
      ...(labelSelector ? [] : [`${at}.labelSelector: ${NULL_SELECTOR}`]),
    ];
  });
}

function volumeWarnings(volume: Volume, path: string): string[] {
  const out = DEPRECATED_VOLUMES.flatMap(([kind, why]) =>
    volume[kind] === undefined ? [] : [`${path}.${VOLUME_PATHS[kind] ?? kind}: ${why}`],
  );
  const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
  const at = `${path}.ephemeral.volumeClaimTemplate.spec`;
  return [...out, ...storageFraction(claim?.resources, at)];
}

/** A claim that asks for a part of a byte. */
export function storageFraction(
  resources: VolumeResourceRequirements | undefined,
  path: string,
): string[] {
  return [
    ...fractions(resources?.requests, `${path}.resources.requests`, ['storage']),
    ...fractions(resources?.limits, `${path}.resources.limits`, ['storage']),
  ];
}

interface TargetPath {
  readonly path: string;
  readonly source: string;
}

const shown = ({ path, source }: TargetPath): string =>
  source === '' ? goQuote(path) : `${goQuote(path)} (${source})`;

const itemPaths = (items: readonly (KeyToPath | { path: string })[], source: string) =>
  items.map(({ path }) => ({ path, source }));

/** Files of one volume that would lie over each other. */
function overlapWarnings(volume: Volume): string[] {
  const { configMap, secret, downwardAPI, projected } = volume;
  const within = (items: readonly { path: string }[] | undefined, what: string): string[] =>
    overlaps([itemPaths(items ?? [], '')]).map((text) => overlapText(volume, what, text));
  if (configMap) return within(configMap.items, `ConfigMap ${goQuote(configMap.name ?? '')}`);
  if (secret) return within(secret.items, `Secret ${goQuote(secret.secretName ?? '')}`);
  if (downwardAPI) return within(downwardAPI.items, 'DownwardAPI');
  return projected ? projectedWarnings(volume, projected.sources ?? []) : [];
}

const overlapText = (volume: Volume, what: string, text: string): string =>
  `volume ${goQuote(volume.name)} (${what}): overlapping paths: ${text}`;

function projectedWarnings(volume: Volume, sources: readonly VolumeProjection[]): string[] {
  const empty = sources
    .filter((source) => Object.keys(source).length === 0)
    .map(() => `volume ${goQuote(volume.name)} (Projected) has no sources provided`);
  const lists: TargetPath[][] = [];
  let last: TargetPath[] = [];
  for (const source of sources) {
    if (Object.keys(source).length === 0) continue;
    // A source without paths of its own counts with those of the one before it, as the stock server has it.
    last = projectedPaths(source) ?? last;
    lists.push(last);
  }
  return [...empty, ...overlaps(lists).map((text) => overlapText(volume, 'Projected', text))];
}

function projectedPaths(source: VolumeProjection): TargetPath[] | undefined {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } = source;
  if (configMap?.items) {
    return itemPaths(configMap.items, `ConfigMap ${goQuote(configMap.name ?? '')}`);
  }
  if (secret?.items) return itemPaths(secret.items, `Secret ${goQuote(secret.name ?? '')}`);
  if (downwardAPI?.items) return itemPaths(downwardAPI.items, 'DownwardAPI');
  if (serviceAccountToken) {
    return [{ path: serviceAccountToken.path, source: 'ServiceAccountToken' }];
  }
  if (!clusterTrustBundle) return undefined;
  const name = clusterTrustBundle.name ?? clusterTrustBundle.signerName ?? '';
  return [{ path: clusterTrustBundle.path, source: `ClusterTrustBundle ${goQuote(name)}` }];
}

function overlaps(lists: readonly (readonly TargetPath[])[]): string[] {
  const before: TargetPath[] = [];
  const out: string[] = [];
  for (const given of lists.flat()) {
    const one = { ...given, path: given.path.replace(/\/+$/, '') };
    for (const other of before.filter((each) => collide(each, one))) {
      out.push(`${shown(one)} with ${shown(other)}`);
    }
    before.push(one);
  }
  return out;
}

function collide(a: TargetPath, b: TargetPath): boolean {
  if (a.path === '' || b.path === '') return false;
  return `${a.path}/`.startsWith(`${b.path}/`) || `${b.path}/`.startsWith(`${a.path}/`);
}

function listWarnings(spec: PodSpec, path: string): string[] {
  const secrets = spec.imagePullSecrets ?? [];
  const aliases = spec.hostAliases ?? [];
  const repeated = (values: readonly string[]): number[] =>
    values.flatMap((value, i) => (values.indexOf(value) < i ? [i] : []));
  const ips = aliases.map(({ ip }) => ip);
  const names = secrets.map(({ name }) => name ?? '');
  return [
    ...repeated(ips).map(
      (i) => `${path}.hostAliases[${i}].ip: duplicate ip ${goQuote(ips[i] ?? '')}`,
    ),
    ...repeated(names).map(
      (i) => `${path}.imagePullSecrets[${i}].name: duplicate name ${goQuote(names[i] ?? '')}`,
    ),
    ...names.flatMap((name, i) =>
      name === '' ? [`${path}.imagePullSecrets[${i}].name: invalid empty name ""`] : [],
    ),
  ];
}

function fractions(
  amounts: Readonly<Record<string, string>> | undefined,
  path: string,
  names: readonly string[] = ['memory', 'ephemeral-storage'],
): string[] {
  return names.flatMap((name) => {
    const text = amounts?.[name];
    if (text === undefined || parseQuantity(text).isInteger()) return [];
    const shownText = goQuote(parseQuantity(text).toString());
    return [`${path}[${name}]: fractional byte value ${shownText} is invalid, must be an integer`];
  });
}

type Annotations = Readonly<Record<string, string>>;

function seccompWarnings(spec: PodSpec, annotations: Annotations, path: string): string[] {
  if (spec.securityContext?.seccompProfile || !Object.hasOwn(annotations, SECCOMP_POD)) return [];
  return [
    `${path}[${SECCOMP_POD}]: non-functional in v1.27+; use the "seccompProfile" field instead`,
  ];
}

function annotationWarnings(
  container: Container,
  o: { spec: PodSpec; annotations: Annotations; path: string },
  templatePath: string,
): string[] {
  const out: string[] = [];
  const { securityContext, name } = container;
  const seccomp = `${SECCOMP_CONTAINER}${name}`;
  if (!securityContext?.seccompProfile && Object.hasOwn(o.annotations, seccomp)) {
    const why = 'non-functional in v1.27+; use the "seccompProfile" field instead';
    out.push(`${o.path}[${seccomp}]: ${why}`);
  }
  const armor = `${APP_ARMOR}${name}`;
  const field = o.spec.securityContext?.appArmorProfile ?? securityContext?.appArmorProfile;
  if (templatePath !== '' && !field && Object.hasOwn(o.annotations, armor)) {
    const why = 'deprecated since v1.30; use the "appArmorProfile" field instead';
    out.push(`${o.path}[${armor}]: ${why}`);
  }
  return out;
}

function containerWarnings(c: Container, path: string): string[] {
  const out: string[] = [];
  for (const name of ['memory', 'ephemeral-storage']) {
    for (const which of ['limits', 'requests'] as const) {
      out.push(...fractions(c.resources?.[which], `${path}.resources.${which}`, [name]));
    }
  }
  const seen = new Set<string>();
  (c.env ?? []).forEach((e, i) => {
    const builds = e.valueFrom === undefined && (e.value ?? '').includes(`$(${e.name})`);
    const isHidden = seen.has(e.name) && (!builds || e.value === `$(${e.name})`);
    seen.add(e.name);
    if (!isHidden) return;
    const hides = `hides previous definition of ${goQuote(e.name)}`;
    out.push(`${path}.env[${i}]: ${hides}, which may be dropped when using apply`);
  });
  return out;
}

interface PlacedPort {
  readonly port: ContainerPort;
  readonly path: string;
}

function portWarnings(containers: readonly Placed[]): string[] {
  const all = new Map<string, PlacedPort[]>();
  const out: string[] = [];
  for (const { one, path } of containers) {
    (one.ports ?? []).forEach((port, i) => {
      const at = `${path}.ports[${i}]`;
      if (port.hostIP && !port.hostPort)
        out.push(`${at}: hostIP set without hostPort: ${go(port)}`);
      const key = `${port.containerPort}/${port.protocol ?? ''}`;
      const others = all.get(key) ?? [];
      for (const other of others) {
        const how = clash(port, other.port);
        if (how) out.push(`${at}: ${how} port definition with ${other.path}`);
      }
      all.set(key, [...others, { port, path: at }]);
    });
  }
  return out;
}

function clash(a: ContainerPort, b: ContainerPort): string | undefined {
  const [hostA, hostB] = [a.hostPort ?? 0, b.hostPort ?? 0];
  const [ipA, ipB] = [a.hostIP ?? '', b.hostIP ?? ''];
  if (ipA === ipB && hostA === hostB) return 'duplicate';
  if (hostA === 0 || hostB === 0) return 'overlapping';
  return hostA === hostB && (ipA === '') !== (ipB === '') ? 'dangerously ambiguous' : undefined;
}

/** Go's `%+v` of a port. */
function go(p: ContainerPort): string {
  const { name = '', hostPort = 0, containerPort, protocol = '', hostIP = '' } = p;
  return `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
}

function graceWarnings(spec: PodSpec, path: string): string[] {
  if ((spec.terminationGracePeriodSeconds ?? 0) >= 0) return [];
  const what = 'must be >= 0; negative values are invalid and will be treated as 1';
  return [`${path}.terminationGracePeriodSeconds: ${what}`];
}

function affinityWarnings(affinity: PodAffinity | undefined, path: string): string[] {
  const required = affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const named = 'DuringSchedulingIgnoredDuringExecution';
  return [
    ...required.flatMap((term, i) =>
      term.labelSelector ? [] : [`${path}.required${named}[${i}].labelSelector: ${NULL_SELECTOR}`],
    ),
    ...preferred.flatMap((term, i) =>
      term.podAffinityTerm?.labelSelector
        ? []
        : [`${path}.preferred${named}[${i}].podAffinityTerm.labelSelector: ${NULL_SELECTOR}`],
    ),
  ];
}
