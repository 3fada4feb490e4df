/** Managed fields: who owns which field of an object, and server-side apply. */
export { type ApplyBy, applyConfiguration } from './apply.ts';
export { managerOfUserAgent } from './entries.ts';
export { mergeConfiguration } from './mutation.ts';
export { applyScale, trackScale } from './scale.ts';
export { trackUpdate, type WriteBy } from './update.ts';
