import type { Pod } from '@kubets/api';
import type { AdmissionPlugin } from '../ports.ts';
import { concerns, objectAs, refuse } from './support.ts';

/** Off by default. Every container pulls its image anew, so that a pod cannot use an image another user pulled. */
export function alwaysPullImages(): AdmissionPlugin {
  return {
    name: 'AlwaysPullImages',
    only: ['pods'],
    admit(a) {
      if (!concerns(a, '', 'pods', 'CREATE', 'UPDATE')) return;
      for (const container of containersOf(objectAs<Pod>(a))) container.imagePullPolicy = 'Always';
    },
    validate(a) {
      if (!concerns(a, '', 'pods', 'CREATE', 'UPDATE')) return;
      const other = containersOf(objectAs<Pod>(a)).find((one) => one.imagePullPolicy !== 'Always');
      if (other) throw refuse(a, `container ${other.name}: imagePullPolicy must be Always`);
    },
  };
}

function containersOf({ spec }: Pod): { name: string; imagePullPolicy?: string | undefined }[] {
  return [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ];
}
