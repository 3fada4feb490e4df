/** `@kubets/api`: the Kubernetes object model. See README.md for the reading order. */

export type {
  ApiGroup,
  ServerAddress,
} from './discovery/discovery.ts';
export * from './lazy.ts';
export type { PatchType } from './patch/index.ts';
export { PATCH_MEDIA_TYPES } from './patch/media-types.ts';
export type { Decoded, FieldValidation } from './schema/decode.ts';
export type { FieldDef, TypeDef, TypeRef } from './schema/schema.ts';
export type { QosClass } from './strategy/pod.ts';
export type { Cell } from './tables/cells.ts';
export type {
  IncludeObject,
  TableColumn,
  TableObject,
  TableOptions,
  TableRow,
} from './tables/index.ts';
export {
  type ApiTime,
  formatMicroTime,
  formatTime,
  humanDuration,
  parseDurationMs,
  parseTime,
  TimeError,
} from './time.ts';
export type { UpdateOptions, ValidationOptions } from './validation/index.ts';
