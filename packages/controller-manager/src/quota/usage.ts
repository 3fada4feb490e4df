import { Quantity, type QuotaUsage } from '@kubets/api';

/** Adds up what several objects use. */
export function sum(usages: Iterable<QuotaUsage>): QuotaUsage {
  const total: QuotaUsage = new Map();
  for (const usage of usages) {
    for (const [name, amount] of usage) {
      total.set(name, (total.get(name) ?? Quantity.zero).add(amount));
    }
  }
  return total;
}
