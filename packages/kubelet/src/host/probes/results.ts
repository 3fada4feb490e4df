import { PROBE_OUTPUT_CHARS } from '../../limits.ts';
import type { ProbeResult } from '../../ports.ts';

/** How probes name themselves to what they ask. */
export const PROBE_AGENT = 'kube-probe/1.32';

export const OK: ProbeResult = { ok: true, output: '' };

/** @param output is cut where it is too long for an event */
export const failed = (output: string): ProbeResult => ({
  ok: false,
  output: output.slice(0, PROBE_OUTPUT_CHARS),
});
