/** Policies that change what is written, by configurations or patches that their expressions make. Alpha in 1.32. */
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import {
  ApiError,
  type KubeObject,
  type MutatingAdmissionPolicy,
  type MutatingAdmissionPolicyBinding,
  type Namespace,
  type StatusCause,
} from '@kubets/api';
import type {
  AdmissionAttributes,
  AdmissionPlugin,
  AdmissionRound,
  CacheView,
} from '../../ports.ts';
import { GVR } from '../../resources.ts';
import { shownIn, takeBack } from '../equivalents.ts';
import { Rounds } from '../round.ts';
import { filled, refuse, replaceInPlace } from '../support.ts';
import { Reinvocations } from '../webhooks/reinvocations.ts';
import { carriedOut, Obstacle } from './changes.ts';
import { CompiledPolicies } from './compiled.ts';
import { Decisions } from './decisions.ts';
import { isPolicyItself, kindConcerned } from './matching.ts';
import { ParamsError, paramsOf } from './params.ts';
import type { PolicyOptions } from './plugin.ts';

type Policy = MutatingAdmissionPolicy;
type Binding = MutatingAdmissionPolicyBinding;
type Mutations = typeof import('./mutations.ts');
type Facts = typeof import('./facts.ts');
type Compiled = InstanceType<Mutations['CompiledMutations']>;
type Expressions = typeof import('./expressions.ts');

const load = createRequire(import.meta.url);
const NAME = 'MutatingAdmissionPolicy';

/** A policy as a binding applies it, with one object of parameters. */
interface Invocation {
  readonly policy: Policy;
  readonly params: KubeObject | undefined;
  /** Tells it from all others. */
  readonly id: string;
}

/** @param o with `enabled`, the gate of that name */
export function mutatingPolicies(
  o: PolicyOptions & { readonly enabled?: boolean | undefined },
): AdmissionPlugin {
  if (o.enabled !== true) return { name: NAME };
  const policies = new MutatingPolicies(o);
  return {
    name: NAME,
    admit: (a, round = new Rounds()) =>
      policies.areNone() || isPolicyItself(a) ? undefined : policies.change(a, round),
  };
}

class MutatingPolicies {
  readonly #o: PolicyOptions;
  readonly #bindings: CacheView<Binding>;
  readonly #policies: CacheView<Policy>;
  readonly #namespaces: CacheView<Namespace>;
  readonly #compiled = new CompiledPolicies(compile);

  constructor(o: PolicyOptions) {
    this.#o = o;
    this.#bindings = o.store.cache(GVR.mutatingPolicyBindings);
    this.#policies = o.store.cache(GVR.mutatingPolicies);
    this.#namespaces = o.store.cache(GVR.namespaces);
  }

  areNone(): boolean {
    return this.#bindings.isEmpty();
  }

  /** Changes the object of a write in place. @throws ApiError when a policy that may refuse cannot be carried out */
  async change(a: AdmissionAttributes, round: AdmissionRound): Promise<void> {
    const again = Reinvocations.of(round, NAME);
    again.begin(round.number, a.object);
    const namespace = (await filled(this.#namespaces)).get('', a.namespace);
    const decisions = new Decisions(this.#o.authorizer, a.user);
    const refusals: Refusal[] = [];
    let isTouched = false;
    for (const [policy, binding] of await this.#bound()) {
      const kind = kindConcerned(policy, binding, a, { namespace, kinds: this.#o.kinds });
      if (kind === undefined) continue;
      const refused: Around['refused'] = (text, reason = '', of = 'binding') => {
        const isTold = of === 'policy' && refusals.some((one) => one.policy === policy);
        if (policy.spec?.failurePolicy === 'Ignore' || isTold) return;
        refusals.push({ policy, binding: of === 'policy' ? undefined : binding, text, reason });
      };
      for (const one of await this.#invocations(policy, binding, a, refused)) {
        const shown = kind === a.kind ? a : await shownIn(a, kind);
        const around = { namespace, decisions, refused, again, round };
        const done = await this.#invoke(one, shown, around);
        if (done && shown !== a) await takeBack(a, shown);
        isTouched ||= done;
      }
    }
    if (isTouched) {
      // The stock server asks again whoever wishes for it as soon as any policy had a say, changed or not.
      again.changed();
      round.repeat();
    }
    again.end(a.object);
    if (refusals.length > 0) throw denied(a, refusals);
  }

  /** Bindings and their policies, in the order of the policies' names. */
  async #bound(): Promise<[Policy, Binding][]> {
    const all = (await filled(this.#bindings)).list();
    const policies = await filled(this.#policies);
    const pairs = all.flatMap((binding): [Policy, Binding][] => {
      const policy = policies.get('', binding.spec?.policyName ?? '');
      return policy === undefined ? [] : [[policy, binding]];
    });
    const nameOf = ([policy, binding]: [Policy, Binding]): string =>
      `${policy.metadata.name}/${binding.metadata.name}`;
    return pairs.sort((x, y) => (nameOf(x) < nameOf(y) ? -1 : 1));
  }

  async #invocations(
    policy: Policy,
    binding: Binding,
    a: AdmissionAttributes,
    refused: Around['refused'],
  ): Promise<Invocation[]> {
    const { store, kinds } = this.#o;
    const where = { store, kinds, namespace: a.namespace };
    const names = `${policy.metadata.name}/${binding.metadata.name}`;
    try {
      const all = await paramsOf(policy, binding.spec?.paramRef, where);
      return all.map((params) => {
        const id = `${names}/${params?.metadata.namespace ?? ''}/${params?.metadata.name ?? ''}`;
        return { policy, params, id };
      });
    } catch (error) {
      if (!(error instanceof ParamsError)) throw error;
      refused(error.message, '', error.of);
      return [];
    }
  }

  /** Carries out the mutations of a policy, in their order. @returns whether there were any */
  async #invoke(one: Invocation, a: AdmissionAttributes, around: Around): Promise<boolean> {
    const { policy, params, id } = one;
    const { decisions, namespace, again, round } = around;
    const mutations = this.#compiled.of(policy);
    const facts = () => factsFor(a, { uid: this.#o.newUid(), namespace, params, decisions });
    const holds = await attempt(around, () => decisions.settle(() => mutations.hold(facts())));
    if (holds !== true || (round.number === 1 && !again.isDue(id))) return false;
    const before = a.object && structuredClone(a.object);
    let isTouched = false;
    for (let i = 0; i < mutations.size; i += 1) {
      const { object } = a;
      if (object === undefined) break;
      const made = await attempt(around, async () =>
        carriedOut(a, object, await decisions.settle(() => mutations.changeBy(i, facts()))),
      );
      if (made === undefined) continue;
      if (made !== object) replaceInPlace(object, made);
      isTouched = true;
    }
    if (!isDeepStrictEqual(before, a.object)) again.changed();
    if (policy.spec?.reinvocationPolicy === 'IfNeeded') again.asked(id);
    return isTouched;
  }
}

/** Undefined when a policy cannot be carried out; what that means is its failure policy's to say. */
async function attempt<T>({ refused }: Around, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const { ExpressionError } = load('./expressions.ts') as Expressions;
    if (!(error instanceof ExpressionError) && !(error instanceof Obstacle)) throw error;
    refused(error.message, 'Invalid');
    return undefined;
  }
}

interface Around {
  readonly namespace: Namespace | undefined;
  readonly decisions: Decisions;
  /** @param of whose fault it is; default: of the policy by this binding */
  readonly refused: (text: string, reason?: string, of?: ParamsError['of']) => void;
  readonly again: Reinvocations;
  readonly round: AdmissionRound;
}

function compile({ spec = {} }: Policy): Compiled {
  const { CompiledMutations } = load('./mutations.ts') as Mutations;
  return new CompiledMutations(spec);
}

function factsFor(...args: Parameters<Facts['factsOf']>): ReturnType<Facts['factsOf']> {
  return (load('./facts.ts') as Facts).factsOf(...args);
}

interface Refusal {
  readonly policy: Policy;
  /** Absent: it is the policy's fault, whatever binds it. */
  readonly binding: Binding | undefined;
  readonly text: string;
  readonly reason: string;
}

/** The refusal as the first of them says it; each is a cause. The code stays that of a forbidden write. */
function denied(a: AdmissionAttributes, refusals: readonly Refusal[]): ApiError {
  const texts = refusals.map(({ policy: { metadata }, binding, text }) =>
    binding === undefined
      ? `policy ${JSON.stringify(metadata.name)} denied request: ${text}`
      : `policy '${metadata.name}' with binding '${binding.metadata.name}' denied request: ${text}`,
  );
  const causes: StatusCause[] = texts.map((message) => ({ message }));
  const { status } = refuse(a, '', causes);
  const reason = refusals[0]?.reason || status.reason;
  return new ApiError({ ...status, message: texts[0] ?? '', ...(reason && { reason }) });
}
