/** Which media type is which kind of patch. */
import { lookup } from '../own.ts';

export type PatchType = 'json' | 'merge' | 'strategic';

/** Media types of the patches this package can apply. */
export const PATCH_MEDIA_TYPES: Readonly<Record<string, PatchType>> = lookup({
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
});
