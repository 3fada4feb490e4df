/** Limits of custom resources. */

/** How long until a definition is looked at again after a conflict, or while instances are held by finalizers. */
export const DEFINITION_RETRY_MS = 1_000;

/** A conversion webhook answers within this time. */
export const CONVERSION_TIMEOUT_SECONDS = 30;
