/** `@kubets/api`: the Kubernetes object model. See README.md for the reading order. */
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
  methodNotAllowed,
  methodNotSupported,
  notAcceptable,
  notFound,
  OPTIMISTIC_LOCK_TEXT,
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
export * as fieldErrors from './field-error.ts';
export { aggregateText, FieldError, type FieldErrorType } from './field-error.ts';
export type * from './generated/types.ts';
export { goQuote, goValue } from './go-text.ts';
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
export {
  parseQuantity,
  Quantity,
  QuantityError,
  quantityBytes,
  quantityMilli,
} from './quantity.ts';
export {
  builtinKind,
  builtinKinds,
  type KindDef,
  KindRegistry,
  type SubresourceDef,
} from './registry.ts';
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
export * as names from './validation/names.ts';
