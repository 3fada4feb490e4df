/** Values a pod may read about itself: fields of its object, resources of its containers. Pure. */
import {
  type Container,
  type ObjectFieldSelector,
  type Pod,
  quantityBytes,
  quantityMilli,
  type ResourceFieldSelector,
} from '@kubets/api';
import { allContainers, nameOf, namespaceOf, specOf, uidOf } from './pod.ts';

/** The pod asks for something that does not exist. */
export class DownwardError extends Error {
  override readonly name = 'DownwardError';
}

/** Facts that are known on the node only. */
export interface DownwardFacts {
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  readonly allocatable: {
    readonly cpuMilli: number;
    readonly memoryBytes: number;
    readonly diskBytes: number;
  };
}

const SUBSCRIPT = /^metadata\.(labels|annotations)\['(.+)'\]$/;

/** `key="value"` lines, sorted: how maps look in a file. */
function mapText(map: Readonly<Record<string, string>> | undefined): string {
  const keys = Object.keys(map ?? {}).sort();
  return keys.map((key) => `${key}=${JSON.stringify(map?.[key] ?? '')}`).join('\n');
}

/** One field as text. @throws DownwardError for a field that is not offered */
export function fieldValue(pod: Pod, ref: ObjectFieldSelector, facts: DownwardFacts): string {
  const { metadata } = pod;
  const spec = specOf(pod);
  const subscript = SUBSCRIPT.exec(ref.fieldPath);
  if (subscript !== null) {
    const map = subscript[1] === 'labels' ? metadata.labels : metadata.annotations;
    return map?.[subscript[2] ?? ''] ?? '';
  }
  const values: Readonly<Record<string, () => string>> = {
    'metadata.name': () => nameOf(pod),
    'metadata.namespace': () => namespaceOf(pod),
    'metadata.uid': () => uidOf(pod),
    'metadata.labels': () => mapText(metadata.labels),
    'metadata.annotations': () => mapText(metadata.annotations),
    'spec.nodeName': () => spec.nodeName ?? '',
    'spec.serviceAccountName': () => spec.serviceAccountName ?? '',
    'status.hostIP': () => facts.hostIps[0] ?? '',
    'status.hostIPs': () => facts.hostIps.join(','),
    'status.podIP': () => facts.podIps[0] ?? '',
    'status.podIPs': () => facts.podIps.join(','),
  };
  const read = Object.hasOwn(values, ref.fieldPath) ? values[ref.fieldPath] : undefined;
  if (read === undefined) throw new DownwardError(`unsupported fieldPath: ${ref.fieldPath}`);
  return read();
}

/** Reads a quantity in thousandths for cpu, in whole units for everything else. */
const amount = (resource: string, text: string): number =>
  resource === 'cpu' ? quantityMilli(text) : quantityBytes(text);

function containerAmount(container: Container, path: string, facts: DownwardFacts): number {
  const [kind, ...rest] = path.split('.');
  const resource = rest.join('.');
  const { limits, requests } = container.resources ?? {};
  const set = kind === 'limits' ? limits?.[resource] : requests?.[resource];
  if (set !== undefined) return amount(resource, set);
  const { allocatable } = facts;
  // No limit: the node's. No request: the limit's place, or nothing asked for.
  if (kind === 'limits' && resource === 'cpu') return allocatable.cpuMilli;
  if (kind === 'limits' && resource === 'memory') return allocatable.memoryBytes;
  if (kind === 'limits' && resource === 'ephemeral-storage') return allocatable.diskBytes;
  const limit = limits?.[resource];
  return limit === undefined ? 0 : amount(resource, limit);
}

/**
 * One resource as a whole number of divisors, rounded up.
 * @param own the container that asks, when the reference names none
 * @throws DownwardError when the named container does not exist
 */
export function resourceValue(
  pod: Pod,
  ref: ResourceFieldSelector,
  own: Container | undefined,
  facts: DownwardFacts,
): string {
  const named = ref.containerName
    ? allContainers(pod).find((one) => one.name === ref.containerName)
    : own;
  if (named === undefined) throw new DownwardError(`container ${ref.containerName} not found`);
  const isCpu = ref.resource.endsWith('.cpu');
  const text = ref.divisor === undefined || ref.divisor === '0' ? '1' : ref.divisor;
  const divisor = amount(isCpu ? 'cpu' : 'other', text);
  return String(Math.ceil(containerAmount(named, ref.resource, facts) / divisor));
}
