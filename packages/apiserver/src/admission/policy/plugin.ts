import { createRequire } from 'node:module';
import {
  ApiError,
  type KindRegistry,
  type KubeObject,
  lookup,
  type Namespace,
  type ValidatingAdmissionPolicy,
  type ValidatingAdmissionPolicyBinding,
} from '@kubets/api';
import type {
  AdmissionAttributes,
  AdmissionPlugin,
  Authorizer,
  ResourceStore,
} from '../../ports.ts';
import { GVR } from '../../resources.ts';
import { shownIn } from '../equivalents.ts';
import { filled, refuse } from '../support.ts';
import { AuditNotes, isAudited } from './audit-notes.ts';
import { CompiledPolicies } from './compiled.ts';
import { Decisions } from './decisions.ts';
import { isPolicyItself, kindConcerned } from './matching.ts';
import { ParamsError, paramsOf } from './params.ts';

type Policy = ValidatingAdmissionPolicy;
type Binding = ValidatingAdmissionPolicyBinding;
type Expressions = typeof import('./expressions.ts');
type Facts = typeof import('./facts.ts');
type Compiled = InstanceType<Expressions['CompiledPolicy']>;

const load = createRequire(import.meta.url);

export interface PolicyOptions {
  readonly store: ResourceStore;
  readonly kinds: KindRegistry;
  readonly newUid: () => string;
  readonly authorizer: Authorizer;
}

interface Complaint {
  readonly message: string;
  readonly reason: string;
  readonly index: number;
  /** It could not be asked: that refuses, whatever the binding does else. */
  readonly misconfigured?: ParamsError['of'];
}

/** Policies written as expressions, applied where bindings say. */
export function validatingPolicies(o: PolicyOptions): AdmissionPlugin {
  const bindings = o.store.cache<Binding>(GVR.validatingPolicyBindings);
  const policies = o.store.cache<Policy>(GVR.validatingPolicies);
  const namespaces = o.store.cache<Namespace>(GVR.namespaces);
  const compiled = new CompiledPolicies(compile);

  async function complaints(
    policy: Policy,
    binding: Binding,
    a: AdmissionAttributes,
    around: { namespace: Namespace | undefined; decisions: Decisions; notes: AuditNotes },
  ): Promise<Complaint[]> {
    const { namespace, decisions, notes } = around;
    const isIgnorant = policy.spec?.failurePolicy === 'Ignore';
    const { store, kinds } = o;
    const found: Complaint[] = [];
    try {
      const where = { store, kinds, namespace: a.namespace };
      for (const params of await paramsOf(policy, binding.spec?.paramRef, where)) {
        const facts = factsFor(a, { uid: o.newUid(), namespace, params, decisions });
        const said = await decisions.settle(() => compiled.of(policy).findings(facts));
        for (const { isFailure, ...complaint } of said.verdicts) {
          if (!isFailure || !isIgnorant) found.push(complaint);
        }
        for (const [key, value] of said.notes) notes.add(`${policy.metadata.name}/${key}`, value);
      }
    } catch (error) {
      if (!(error instanceof ParamsError)) throw error;
      const { message, of } = error;
      if (!isIgnorant) found.push({ message, reason: '', index: 0, misconfigured: of });
    }
    return found;
  }

  return {
    name: 'ValidatingAdmissionPolicy',
    connects: true,
    validate: (a) => (bindings.isEmpty() || isPolicyItself(a) ? undefined : judge(a)),
  };

  async function judge(a: AdmissionAttributes): Promise<void> {
    const all = (await filled(bindings)).list();
    if (all.length === 0) return;
    await filled(policies);
    const namespace = (await filled(namespaces)).get('', a.namespace);
    const notes = new AuditNotes();
    const around = { namespace, notes, decisions: new Decisions(o.authorizer, a.user) };
    let denial: ApiError | undefined;
    for (const binding of all) {
      const policy = policies.get('', binding.spec?.policyName ?? '');
      const kind = policy && kindConcerned(policy, binding, a, { namespace, kinds: o.kinds });
      if (policy === undefined || kind === undefined) continue;
      const shown = kind === a.kind ? a : await shownIn(a, kind);
      for (const complaint of await complaints(policy, binding, shown, around)) {
        const denied = act(a, policy, binding, complaint);
        denial ??= denied;
        const { misconfigured } = complaint;
        if (misconfigured === undefined && isAudited(binding)) {
          notes.failed(policy, binding, complaint);
        }
      }
    }
    notes.writeTo(a);
    if (denial !== undefined) throw denial;
  }
}

function compile({ spec = {} }: Policy): Compiled {
  const { CompiledPolicy } = load('./expressions.ts') as Expressions;
  return new CompiledPolicy(spec);
}

function factsFor(...args: Parameters<Facts['factsOf']>): ReturnType<Facts['factsOf']> {
  return (load('./facts.ts') as Facts).factsOf(...args);
}

/** Warns, refuses, or lets be, as the binding says. @returns the refusal */
function act(
  a: AdmissionAttributes,
  policy: KubeObject,
  binding: Binding,
  { message, reason, misconfigured }: Complaint,
): ApiError | undefined {
  const name = `ValidatingAdmissionPolicy '${policy.metadata.name}'`;
  const names = `${name} with binding '${binding.metadata.name}'`;
  if (misconfigured !== undefined) {
    const by = misconfigured === 'policy' ? name : names;
    return denied(a, `${by} denied request: ${message}`, 'Invalid');
  }
  const actions = binding.spec?.validationActions ?? [];
  if (actions.includes('Warn')) a.addWarning(`Validation failed for ${names}: ${message}`);
  if (!actions.includes('Deny')) return undefined;
  return denied(a, `${names} denied request: ${message}`, reason || 'Invalid');
}

const CODES: Readonly<Record<string, number>> = lookup({
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
});

function denied(a: AdmissionAttributes, text: string, reason: string): ApiError {
  const { status } = refuse(a, text);
  const causes = [...(status.details?.causes ?? []), { message: text }];
  const details = { ...status.details, causes };
  return new ApiError({ ...status, reason, code: CODES[reason] ?? 422, details });
}
