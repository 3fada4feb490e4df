import type { KubeObject } from './meta.ts';

/** What marks a StorageClass as the default one. */
export const DEFAULT_STORAGE_CLASS: readonly string[] = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

/** Newest of the objects whose annotation marks them as default; ties go to the first name. */
export function newestDefault<T extends KubeObject>(
  objects: readonly T[],
  annotations: readonly string[],
): T | undefined {
  const marked = objects.filter((object) =>
    annotations.some((key) => object.metadata.annotations?.[key] === 'true'),
  );
  const byAge = (a: T, b: T): number => {
    const difference = created(b) - created(a);
    return difference || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
  };
  return marked.sort(byAge)[0];
}

const created = (object: KubeObject): number => Date.parse(object.metadata.creationTimestamp ?? '');
