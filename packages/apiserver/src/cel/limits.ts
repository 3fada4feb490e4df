/** Limits of expressions. */

/** Longest expression, in characters: as the stock server's. */
export const MAX_EXPRESSION_LENGTH = 100_000;
/** Deepest nesting of an expression. */
export const MAX_EXPRESSION_DEPTH = 250;
/** Operations one within the other, as in a long chain of `+` or of fields: whoever walks an expression calls itself as often. */
export const MAX_OPERATION_DEPTH = 1_000;
/** Operations in all, each counted as often as macros repeat it: a chain of `optMap` doubles with every link. */
export const MAX_OPERATIONS = 100_000;
/** What one evaluation may cost: as the stock server's. */
export const COST_LIMIT = 1_000_000;
/** Longest text an expression may make, in characters: a few of them in a row would fill the memory. */
export const MAX_TEXT_LENGTH = 4 * 1024 * 1024;

/** Questions about rights that the expressions of one write may ask. */
export const MAX_DECISIONS = 30;
