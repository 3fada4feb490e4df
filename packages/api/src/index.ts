/** `@kubets/api`: the Kubernetes object model. See README.md for the reading order. */

export { cloneJson } from './clone.ts';
export type { ApiGroup, ServerAddress } from './discovery/discovery.ts';
export { semanticEqual } from './equal.ts';
export {
  type AccessAttributes,
  ApiError,
  alreadyExists,
  applyConflict,
  badRequest,
  beingDeleted,
  conflict,
  expired,
  type ForbiddenAbout,
  forbidden,
  forbiddenBecause,
  fromStatus,
  gone,
  internal,
  invalidObject as invalid,
  isAlreadyExists,
  isBadRequest,
  isConflict,
  isExpired,
  isForbidden,
  isInvalid,
  isNotFound,
  isRetriable,
  isTooManyRequests,
  isUnauthorized,
  MutationError,
  methodNotAllowed,
  methodNotSupported,
  notAcceptable,
  notFound,
  OPTIMISTIC_LOCK_TEXT,
  PatchTestFailed,
  pathNotFound,
  requestTooLarge,
  serverTimeout,
  serviceUnavailable,
  timeout,
  tooManyRequests,
  unauthorized,
  unclassified,
  unprocessable,
  unsupportedMediaType,
} from './errors.ts';
export {
  type ExactInteger,
  exactInteger,
  hasLongDigits,
  isInt64,
  isNumeric,
  parseExact,
  parseNumbers,
} from './exact-json.ts';
export * as fieldErrors from './field-error.ts';
export { aggregateText, FieldError, type FieldErrorType } from './field-error.ts';
export type * from './generated/types.ts';
export { goQuote, goValue } from './go-text.ts';
export type { DecodedBody, KindRules, RulesColumn, ScaleRules } from './kind-rules.ts';
export * from './lazy.ts';
export * from './load-balancer.ts';
export type { ApplyBy, WriteBy } from './managed-fields/index.ts';
export { MANDATORY_FLOW_SCHEMAS, MANDATORY_PRIORITY_LEVELS } from './mandatory-flow-control.ts';
export {
  apiVersionOf,
  type GroupKind,
  type GroupResource,
  type GroupVersion,
  type GroupVersionKind,
  type GroupVersionResource,
  isJsonObject,
  type JsonObject,
  type KubeObject,
  kindText,
  objectKey,
  parseApiVersion,
  resourceText,
} from './meta.ts';
export { generateName, randomSuffix, safeEncode } from './names.ts';
export { DEFAULT_STORAGE_CLASS, newestDefault } from './newest-default.ts';
export { getOwn, lookup, setOwn } from './own.ts';
export { PATCH_MEDIA_TYPES, type PatchType } from './patch/media-types.ts';
export {
  podResources,
  podResourcesWithOverhead,
  type ResourceAmounts,
} from './pod-resources.ts';
export {
  parseQuantity,
  Quantity,
  QuantityError,
  quantityBytes,
  quantityMilli,
} from './quantity.ts';
export {
  countName,
  isExtendedResource,
  type QuotaUsage,
  quotaUsage,
  scopeHolds,
  scopesOf,
} from './quota-usage.ts';
export {
  builtinKind,
  builtinKinds,
  type KindDef,
  KindRegistry,
  rankOf,
  type SubresourceDef,
} from './registry.ts';
export { returnsDeleted } from './returns-deleted.ts';
export type { Decoded, FieldValidation } from './schema/decode.ts';
export { isTooDeep, lookOver, TOO_DEEP } from './schema/json-depth.ts';
export { goJsonError } from './schema/json-error.ts';
export type { FieldDef, TypeDef, TypeRef } from './schema/schema.ts';
export {
  type FieldRequirement,
  matchesFields,
  type ParsedFieldSelector,
  parseFieldSelector,
  requiredValue,
} from './selectors/fields.ts';
export {
  EVERYTHING,
  formatLabelSelector,
  type LabelOperator,
  type LabelRequirement,
  labelSelectorOf,
  labelSetSelector,
  matchesLabels,
  NOTHING,
  type ParsedLabelSelector,
  parseLabelSelector,
} from './selectors/labels.ts';
export {
  type NodeFacts,
  type NodeMatcher,
  requiredNodes,
  termMatcher,
  wantsNode,
} from './selectors/nodes.ts';
export { tolerates } from './selectors/taints.ts';
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
export { validateDomainPath, validateLabels } from './validation/common.ts';
export type { UpdateOptions, ValidationOptions } from './validation/index.ts';
export { validateAnnotations, validateMetadata } from './validation/metadata.ts';
export * as names from './validation/names.ts';
export * as nameRules from './validation/names.ts';
export { dns1123Subdomain } from './validation/names.ts';
export {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  bestVolumeFor,
  hasNoClass,
  isKeptFor,
  misfitOf,
  SELECTED_NODE,
  storageClassOf,
} from './volumes/match.ts';
