/** Limits of expressions. */

/** Longest expression, in characters: as the stock server's. */
export const MAX_EXPRESSION_LENGTH = 100_000;
/** Deepest nesting of an expression. */
export const MAX_EXPRESSION_DEPTH = 250;
/** What one evaluation may cost: as the stock server's. */
export const COST_LIMIT = 1_000_000;
/** Longest text an expression may make, in characters: a few of them in a row would fill the memory. */
export const MAX_TEXT_LENGTH = 4 * 1024 * 1024;

/** Questions about rights that the expressions of one write may ask. */
export const MAX_DECISIONS = 30;
