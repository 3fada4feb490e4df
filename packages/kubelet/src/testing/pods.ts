/** Objects for tests of pure parts. */
import type { Container, Pod, PodSpec } from '@kubets/api';
import type { RuntimeContainer, RuntimePod, RuntimeSandbox } from '../ports.ts';

export function aPod(spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: { name: 'web', namespace: 'shop', uid: 'uid-1', ...metadata },
    spec: { containers: [aContainer()], ...spec },
  };
}

export const aContainer = (more: Partial<Container> = {}): Container => ({
  name: 'main',
  image: 'example.com/app:1',
  ...more,
});

export const aSandbox = (more: Partial<RuntimeSandbox> = {}): RuntimeSandbox => ({
  id: 'sandbox-0',
  attempt: 0,
  ready: true,
  createdAtMs: 1_000,
  hostNetwork: false,
  ips: ['10.0.0.2'],
  ...more,
});

export const aRun = (more: Partial<RuntimeContainer> = {}): RuntimeContainer => ({
  id: `${more.name ?? 'main'}-${more.attempt ?? 0}`,
  name: 'main',
  sandboxId: 'sandbox-0',
  attempt: 0,
  phase: 'running',
  createdAtMs: 2_000,
  startedAtMs: 3_000,
  finishedAtMs: 0,
  exitCode: 0,
  reason: '',
  message: '',
  image: 'example.com/app:1',
  imageId: 'sha256:1',
  logPath: '',
  specHash: '',
  ...more,
});

export const exited = (exitCode: number, more: Partial<RuntimeContainer> = {}): RuntimeContainer =>
  aRun({
    phase: 'exited',
    exitCode,
    finishedAtMs: 4_000,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    ...more,
  });

export const runtimeOf = (
  sandboxes: readonly RuntimeSandbox[],
  containers: readonly RuntimeContainer[] = [],
): RuntimePod => ({ uid: 'uid-1', name: 'web', namespace: 'shop', sandboxes, containers });
