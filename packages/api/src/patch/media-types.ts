/** Which media type is which kind of patch. */

export type PatchType = 'json' | 'merge' | 'strategic';

/** Media types of the patches this package can apply. */
export const PATCH_MEDIA_TYPES: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
};
