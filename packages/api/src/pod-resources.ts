import type { Container, Pod } from './generated/types.ts';
import { Quantity } from './quantity.ts';

/** Amounts by the names of resources: `cpu`, `example.com/device`. */
export type ResourceAmounts = ReadonlyMap<string, Quantity>;

type Which = 'requests' | 'limits';

function addTo(total: Map<string, Quantity>, amounts: Iterable<[string, Quantity]>): void {
  for (const [name, amount] of amounts) total.set(name, total.get(name)?.add(amount) ?? amount);
}

const amountsOf = (container: Container, which: Which): [string, Quantity][] =>
  Object.entries(container.resources?.[which] ?? {}).map(([name, text]) => [
    name,
    Quantity.parse(text),
  ]);

/**
 * What the containers of a pod take together, side-cars among them, or the neediest moment of initialisation if that is
 * more: an init container runs beside the side-cars started before it.
 */
export function podResources({ spec }: Pod, which: Which): ResourceAmounts {
  const total = new Map<string, Quantity>();
  for (const one of spec?.containers ?? []) addTo(total, amountsOf(one, which));
  const sidecars = new Map<string, Quantity>();
  const moments: Map<string, Quantity>[] = [];
  for (const one of spec?.initContainers ?? []) {
    const moment = new Map(sidecars);
    addTo(moment, amountsOf(one, which));
    moments.push(moment);
    if (one.restartPolicy === 'Always') addTo(sidecars, amountsOf(one, which));
  }
  addTo(total, sidecars);
  for (const [name, amount] of moments.flatMap((moment) => [...moment])) {
    if ((total.get(name)?.cmp(amount) ?? -1) < 0) total.set(name, amount);
  }
  return total;
}

/** The same with what the pod itself costs. Where nothing limits a resource, its cost does not either. */
export function podResourcesWithOverhead(pod: Pod, which: Which): ResourceAmounts {
  const total = new Map(podResources(pod, which));
  const overhead = Object.entries(pod.spec?.overhead ?? {});
  const counted = overhead.filter(([name]) => which === 'requests' || total.has(name));
  addTo(
    total,
    counted.map(([name, text]) => [name, Quantity.parse(text)]),
  );
  return total;
}
