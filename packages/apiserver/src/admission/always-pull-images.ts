import { type Container, fieldErrors, type Pod, unclassified } from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin } from '../ports.ts';
import { concerns, joinTexts, objectAs, oldAs, refuse } from './support.ts';

/** Off by default. Every container pulls its image anew, so that a pod cannot use an image another user pulled. */
export function alwaysPullImages(): AdmissionPlugin {
  return {
    name: 'AlwaysPullImages',
    only: ['pods'],
    admit(a) {
      if (!concerns(a, '', 'pods', 'CREATE', 'UPDATE') || hasNoNewImage(a)) return;
      for (const { container } of containersOf(objectAs<Pod>(a))) {
        container.imagePullPolicy = 'Always';
      }
    },
    validate(a) {
      if (!concerns(a, '', 'pods', 'CREATE', 'UPDATE') || hasNoNewImage(a)) return;
      const texts = containersOf(objectAs<Pod>(a))
        .filter(({ container }) => container.imagePullPolicy !== 'Always')
        .map(({ container: { imagePullPolicy = '' }, path }) => {
          const at = `${path}.imagePullPolicy`;
          const fault = fieldErrors.notSupported(at, imagePullPolicy, ['Always']);
          return refuse(a, fault.toString()).message;
        });
      // Several complaints in one have no code of their own.
      if (texts.length > 0) throw unclassified(joinTexts(texts));
    },
  };
}

type Pulling = Pick<Container, 'name' | 'image' | 'imagePullPolicy'>;

/** An update that brings no image leaves the policies as they are: they cannot be changed. */
function hasNoNewImage(a: AdmissionAttributes): boolean {
  if (a.operation !== 'UPDATE' || a.oldObject === undefined) return false;
  const known = new Set(containersOf(oldAs<Pod>(a)).map(({ container }) => container.image));
  return containersOf(objectAs<Pod>(a)).every(({ container }) => known.has(container.image));
}

function containersOf({ spec }: Pod): { container: Pulling; path: string }[] {
  const lists = ['initContainers', 'containers', 'ephemeralContainers'] as const;
  return lists.flatMap((list) =>
    (spec?.[list] ?? []).map((container, i) => ({ container, path: `spec.${list}[${i}]` })),
  );
}
