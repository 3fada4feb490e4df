/** What policies have noted in the audit event of a write. */
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '@kubets/api';
import type { AdmissionAttributes } from '../../ports.ts';

const FAILURES = 'validation.policy.admission.k8s.io/validation_failure';

export const isAudited = ({ spec }: ValidatingAdmissionPolicyBinding): boolean =>
  spec?.validationActions?.includes('Audit') === true;

export class AuditNotes {
  readonly #values = new Map<string, Set<string>>();
  readonly #failures: object[] = [];

  /** Several bindings, or parameters, may give a key several values. */
  add(key: string, value: string): void {
    const known = this.#values.get(key) ?? new Set();
    this.#values.set(key, known.add(value));
  }

  failed(
    policy: ValidatingAdmissionPolicy,
    binding: ValidatingAdmissionPolicyBinding,
    { message, index }: { readonly message: string; readonly index: number },
  ): void {
    this.#failures.push({
      message,
      policy: policy.metadata.name,
      binding: binding.metadata.name,
      expressionIndex: index,
      validationActions: binding.spec?.validationActions ?? [],
    });
  }

  writeTo(a: AdmissionAttributes): void {
    for (const [key, values] of this.#values) {
      a.addAuditAnnotation?.(key, [...values].join(', '));
    }
    if (this.#failures.length > 0) {
      a.addAuditAnnotation?.(FAILURES, JSON.stringify(this.#failures));
    }
  }
}
