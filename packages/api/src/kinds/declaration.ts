/** How a kind beyond the default ones is declared: one file a kind, and a line in `index.ts`. */
import type { KindRules } from '../kind-rules.ts';
import type { GroupVersionKind } from '../meta.ts';

/**
 * What is special about a kind. Names, verbs, subresources, fields, their types, numbers and merge keys come from the
 * facts (`generated/`); what is left out here is as for every kind.
 */
export interface KindDeclaration extends GroupVersionKind {
  readonly rules: KindRules;
}
