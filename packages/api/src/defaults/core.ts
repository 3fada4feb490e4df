/** Defaults of namespaces, nodes, secrets and the other small kinds of the core group. */
import type {
  LimitRange,
  LimitRangeItem,
  Namespace,
  Node,
  Secret,
  TokenRequest,
} from '../generated/types.ts';
import { addOwn, setOwn } from '../own.ts';

export function defaultNamespace(ns: Namespace): void {
  ns.status ??= {};
  ns.status.phase ||= 'Active';
  if (!ns.metadata.name) return;
  ns.metadata.labels ??= {};
  ns.metadata.labels['kubernetes.io/metadata.name'] = ns.metadata.name;
}

export function defaultNode(node: Node): void {
  const status = node.status;
  if (status?.capacity && Object.keys(status.allocatable ?? {}).length === 0) {
    status.allocatable = { ...status.capacity };
  }
  const spec = node.spec;
  if (!spec) return;
  // Older clients know the single field only: what it says goes before a list that begins with another.
  if (spec.podCIDR && spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
  const first = spec.podCIDRs?.[0];
  if (!spec.podCIDR && first) spec.podCIDR = first;
}

/** `stringData` is a way to write `data`; it is never kept. */
export function defaultSecret(secret: Secret): void {
  for (const [key, text] of Object.entries(secret.stringData ?? {})) {
    secret.data ??= {};
    setOwn(secret.data, key, Buffer.from(text).toString('base64'));
  }
  delete secret.stringData;
  secret.type ||= 'Opaque';
}

function defaultLimitItem(item: LimitRangeItem): void {
  if (item.type !== 'Container') return;
  item.default ??= {};
  item.defaultRequest ??= {};
  for (const [name, value] of Object.entries(item.max ?? {})) addOwn(item.default, name, value);
  for (const [name, value] of Object.entries(item.default))
    addOwn(item.defaultRequest, name, value);
  for (const [name, value] of Object.entries(item.min ?? {}))
    addOwn(item.defaultRequest, name, value);
  if (Object.keys(item.default).length === 0) delete item.default;
  if (Object.keys(item.defaultRequest).length === 0) delete item.defaultRequest;
}

export function defaultLimitRange(range: LimitRange): void {
  for (const item of range.spec?.limits ?? []) defaultLimitItem(item);
}

const TOKEN_SECONDS = 3_600;

export function defaultTokenRequest(request: TokenRequest): void {
  request.spec.expirationSeconds ??= TOKEN_SECONDS;
}
