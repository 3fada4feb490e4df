/** Carries out the steps of an update's validation; see `update-order.ts`. */
import type { FieldError } from '../field-error.ts';
import type { KubeObject } from '../meta.ts';
import type { Errors } from './common.ts';
import type { ExpressionCheck } from './expressions.ts';
import {
  validateBareFinalizers,
  validateMetadataContent,
  validateMetadataUpdate,
} from './metadata.ts';
import type { PodRules } from './pod-containers.ts';
import type { UpdateOrder } from './update-order.ts';

/** What validators may ask about the server they are part of. */
export interface ObjectRules extends PodRules {
  readonly expression?: ExpressionCheck | undefined;
}

/** The validators of one kind; parameters are the kind's own type. */
export interface ChangeRules {
  object?: (errors: Errors, object: never, rules: ObjectRules) => void;
  create?: (errors: Errors, object: never) => void;
  update?: (errors: Errors, object: never, old: never, rules: ObjectRules) => void;
  status?: (errors: Errors, object: never, old: never) => void;
}

interface Change {
  readonly object: KubeObject;
  readonly old: KubeObject;
  readonly rules: ObjectRules;
  /** Whether finalizers without a domain are taken. */
  readonly takesBare: boolean;
}

export class ChangeCheck {
  readonly errors: Errors = [];
  private readonly rules: ChangeRules;
  private readonly of: Change;
  private readonly bare: readonly FieldError[];
  private readonly content: readonly FieldError[];
  private readonly change: readonly FieldError[];

  constructor(rules: ChangeRules, of: Change) {
    this.rules = rules;
    this.of = of;
    const { object, old } = of;
    this.bare = of.takesBare ? [] : validateBareFinalizers(object.metadata);
    this.content = validateMetadataContent(object.metadata);
    this.change = validateMetadataUpdate(object.metadata, old.metadata);
    // Every kind's metadata is checked before the kind's own rules are asked.
    this.errors.push(...this.content, ...this.change);
  }

  /** Appends what each step finds, in order. */
  run(order: UpdateOrder): void {
    const { rules } = this;
    const { rules: about } = this.of;
    const [object, old] = [this.of.object as never, this.of.old as never];
    for (const step of order) {
      if (step === 'metadata') this.errors.push(...this.content, ...this.bare);
      else if (step === 'change') this.errors.push(...this.change, ...this.bare);
      else if (step === 'object') rules.object?.(this.errors, object, about);
      else if (step === 'update') rules.update?.(this.errors, object, old, about);
      else rules[step]?.(this.errors, object, old);
    }
  }
}
