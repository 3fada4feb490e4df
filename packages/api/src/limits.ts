/** Limits of the object model. */

/** Deeper JSON is refused: nothing in the schema is near it. */
export const MAX_JSON_DEPTH = 512;
/** All annotations of an object together, keys and values, in bytes. */
export const MAX_ANNOTATIONS_BYTES = 256 * 1024;
/** The data of a ConfigMap or Secret, in bytes. */
export const MAX_DATA_BYTES = 1024 * 1024;
/** Strict decoding reports at most this many fields. */
export const MAX_STRICT_ERRORS = 100;
/** Operations of one JSON patch. */
export const MAX_JSON_PATCH_OPERATIONS = 10_000;
/** Decoded quantities kept for reuse. */
export const MAX_CACHED_QUANTITIES = 4096;
