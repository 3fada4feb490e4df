import { createRequire } from 'node:module';
import {
  ApiError,
  type KindDef,
  type KindRegistry,
  type KubeObject,
  lookup,
  type MatchResources,
  type Namespace,
  type ValidatingAdmissionPolicy,
  type ValidatingAdmissionPolicyBinding,
} from '@kubets/api';
import { LIMITS } from '../../edge-limits.ts';
import type {
  AdmissionAttributes,
  AdmissionPlugin,
  Authorizer,
  ResourceStore,
} from '../../ports.ts';
import { GVR } from '../../resources.ts';
import { shownIn } from '../equivalents.ts';
import { filled, refuse } from '../support.ts';
import { isSelected, ruleMatches, versionMatching } from '../webhooks/match.ts';
import { AuditNotes, isAudited } from './audit-notes.ts';
import { Decisions } from './decisions.ts';
import { ParamsError, paramsOf } from './params.ts';

type Policy = ValidatingAdmissionPolicy;
type Binding = ValidatingAdmissionPolicyBinding;
type Expressions = typeof import('./expressions.ts');
type Facts = typeof import('./facts.ts');
type Compiled = InstanceType<Expressions['CompiledPolicy']>;

const load = createRequire(import.meta.url);
const EXEMPT_GROUP = 'admissionregistration.k8s.io';

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
}

/** Policies written as expressions, applied where bindings say. */
export function validatingPolicies(o: PolicyOptions): AdmissionPlugin {
  const bindings = o.store.cache<Binding>(GVR.validatingPolicyBindings);
  const policies = o.store.cache<Policy>(GVR.validatingPolicies);
  const namespaces = o.store.cache<Namespace>(GVR.namespaces);
  const compiled = new CompiledPolicies();

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
      const message = `failed to configure binding: ${error.message}`;
      if (!isIgnorant) found.push({ message, reason: '', index: 0 });
    }
    return found;
  }

  return {
    name: 'ValidatingAdmissionPolicy',
    connects: true,
    validate: (a) =>
      a.resource.group === EXEMPT_GROUP || bindings.isEmpty() ? undefined : judge(a),
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
        if (isAudited(binding)) notes.failed(policy, binding, complaint);
      }
    }
    notes.writeTo(a);
    if (denial !== undefined) throw denial;
  }
}

function factsFor(...args: Parameters<Facts['factsOf']>): ReturnType<Facts['factsOf']> {
  return (load('./facts.ts') as Facts).factsOf(...args);
}

/** Policies by uid and generation, so that each is compiled once. */
class CompiledPolicies {
  readonly #known = new Map<string, Compiled>();

  of(policy: Policy): Compiled {
    const key = `${policy.metadata.uid} ${policy.metadata.generation}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const { CompiledPolicy } = load('./expressions.ts') as Expressions;
    const made = new CompiledPolicy(policy.spec ?? {});
    if (this.#known.size >= LIMITS.compiledPolicies) this.#known.clear();
    this.#known.set(key, made);
    return made;
  }
}

/** The version of its kind in which a write concerns a policy; undefined when it does not, or not by this binding. */
function kindConcerned(
  policy: Policy,
  binding: Binding,
  a: AdmissionAttributes,
  o: { namespace: Namespace | undefined; kinds: KindRegistry },
): KindDef | undefined {
  const labels = o.namespace?.metadata.labels ?? {};
  const among = (match: MatchResources, openRules: boolean): KindDef | undefined =>
    versionMatching(a, { matchPolicy: match.matchPolicy, kinds: o.kinds }, (one) =>
      concerned(match, one, labels, openRules),
    );
  const { matchConstraints } = policy.spec ?? {};
  const { matchResources } = binding.spec ?? {};
  const isBound = matchResources === undefined || among(matchResources, true) !== undefined;
  return isBound && matchConstraints !== undefined ? among(matchConstraints, false) : undefined;
}

/** @param openRules whether no rules mean every write */
function concerned(
  match: MatchResources,
  a: AdmissionAttributes,
  labels: Record<string, string>,
  openRules: boolean,
): boolean {
  const names = (rule: { resourceNames?: string[] | undefined }): boolean =>
    !rule.resourceNames?.length || rule.resourceNames.includes(a.name);
  const rules = match.resourceRules ?? [];
  const excluded = match.excludeResourceRules ?? [];
  const hit = rules.some((rule) => names(rule) && ruleMatches(rule, a));
  if (!hit && !(openRules && rules.length === 0)) return false;
  if (excluded.some((rule) => names(rule) && ruleMatches(rule, a))) return false;
  return isSelected(match, a, labels);
}

/** Warns, refuses, or lets be, as the binding says. @returns the refusal */
function act(
  a: AdmissionAttributes,
  policy: KubeObject,
  binding: Binding,
  { message, reason }: Pick<Complaint, 'message' | 'reason'>,
): ApiError | undefined {
  const names = `ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}'`;
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
