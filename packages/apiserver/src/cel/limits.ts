/** Limits of expressions. */

/** Longest expression, in characters; also how many nodes one may have. */
export const MAX_EXPRESSION_LENGTH = 10_000;
export const MAX_EXPRESSION_NODES = 5_000;
/** Deepest nesting of an expression. */
export const MAX_EXPRESSION_DEPTH = 100;
/** Nodes one evaluation may visit, comprehensions counted once an element. */
export const MAX_EVALUATION_STEPS = 1_000_000;
/** Longest text a replacement may make, in characters: a few of them in a row would fill the memory. */
export const MAX_REPLACED_LENGTH = 4 * 1024 * 1024;

/** Questions about rights that the expressions of one write may ask. */
export const MAX_DECISIONS = 30;
