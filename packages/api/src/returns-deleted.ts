import type { KindDef } from './registry.ts';

/** Kinds whose deletes answer with the object instead of a Status. */
const RETURNS_DELETED: ReadonlySet<string> = new Set([
  '/persistentvolumeclaims',
  '/persistentvolumes',
  '/pods',
  '/podtemplates',
  '/resourcequotas',
  '/serviceaccounts',
  '/services',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/storageclasses',
  'storage.k8s.io/volumeattachments',
]);

export const returnsDeleted = ({ group, resource }: KindDef): boolean =>
  RETURNS_DELETED.has(`${group}/${resource}`);
