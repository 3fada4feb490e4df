/** Amounts of resources are kept in thousandths at the finest, wherever an object holds them. */
import type {
  LimitRange,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  ResourceQuota,
  RuntimeClass,
  StatefulSet,
} from '../generated/types.ts';
import { parseQuantity, Quantity } from '../quantity.ts';

type Amounts = Record<string, string> | undefined;

/** Amounts finer than a thousandth are rounded up, in place. */
export function roundResources(list: Amounts): void {
  for (const [name, text] of Object.entries(list ?? {})) {
    const q = parseQuantity(text);
    if (q.nanos % 1_000_000n !== 0n && list) {
      const up = q.nanos > 0n ? 1_000_000n : 0n;
      list[name] = new Quantity((q.nanos / 1_000_000n) * 1_000_000n + up, q.format).toString();
    }
  }
}

function claimAmounts({ spec, status }: Partial<PersistentVolumeClaim>): Amounts[] {
  const { limits, requests } = spec?.resources ?? {};
  return [limits, requests, status?.capacity, status?.allocatedResources];
}

/** Where kinds without pods have amounts, by `group/Kind`. */
const LISTS: Readonly<Record<string, (object: never) => Amounts[]>> = {
  '/LimitRange': ({ spec }: LimitRange) =>
    (spec?.limits ?? []).flatMap((item) => [
      ...[item.max, item.min, item.default],
      ...[item.defaultRequest, item.maxLimitRequestRatio],
    ]),
  '/Node': ({ status }: Node) => [status?.capacity, status?.allocatable],
  '/PersistentVolume': ({ spec }: PersistentVolume) => [spec?.capacity],
  '/PersistentVolumeClaim': claimAmounts,
  '/ResourceQuota': ({ spec, status }: ResourceQuota) => [spec?.hard, status?.hard, status?.used],
  'apps/StatefulSet': ({ spec }: StatefulSet) =>
    (spec?.volumeClaimTemplates ?? []).flatMap(claimAmounts),
  'node.k8s.io/RuntimeClass': ({ overhead }: RuntimeClass) => [overhead?.podFixed],
};

/** Rounds all amounts of an object of the kind, in place. */
export function roundAmounts(key: string, object: unknown): void {
  for (const list of LISTS[key]?.(object as never) ?? []) roundResources(list);
}
