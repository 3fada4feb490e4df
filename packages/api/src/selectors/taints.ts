/** Taints of nodes, and what pods say to them. */
import type { Taint, Toleration } from '../generated/types-core.ts';

/** Whether a toleration covers a taint. An empty key with Exists covers every taint, an empty effect every effect. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  const { key = '', operator = 'Equal', value = '', effect = '' } = toleration;
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (operator === '' || operator === 'Equal') && key !== '' && value === (taint.value ?? '');
}
