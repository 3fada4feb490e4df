/** The rest of a simulated node: files, volumes and probes that need no work. */
import type { Pod } from '@kubets/api';
import type { ContainerMount, PodFiles, PodVolumes, ProbeResult, ProbeRunner } from '../ports.ts';

/** Probes that always succeed. */
export const simulatedProbes: ProbeRunner = {
  alwaysWell: true,
  async run(): Promise<ProbeResult> {
    return { ok: true, output: '' };
  },
};

/** Volumes that are never looked into. */
export const simulatedVolumes: PodVolumes = {
  async mount(pod: Pod): Promise<ReadonlyMap<string, string>> {
    const volumes = pod.spec?.volumes ?? [];
    return new Map(volumes.map((volume) => [volume.name, `/simulated/${volume.name}`]));
  },
  async unmount(): Promise<void> {},
  async mounted(): Promise<string[]> {
    return [];
  },
};

export const simulatedFiles: PodFiles = {
  logDirectory: () => '/simulated',
  async prepareSandbox(): Promise<void> {},
  async weighPod(): Promise<void> {},
  async prepareContainer(): Promise<ContainerMount[]> {
    return [];
  },
  async terminationMessage(): Promise<string> {
    return '';
  },
  async remove(): Promise<void> {},
};
