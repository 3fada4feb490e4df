import {
  type KindRegistry,
  type KubeObject,
  labelSelectorOf,
  matchesLabels,
  type ParamKind,
  type ParamRef,
  parseApiVersion,
} from '@kubets/api';
import type { ResourceStore } from '../../ports.ts';
import { filled } from '../support.ts';

/** The parameters of a policy cannot be found; its failure policy decides what that means. */
export class ParamsError extends Error {
  override readonly name = 'ParamsError';
  /** Whose fault it is: a kind that is not there is the policy's, whatever binds it. */
  readonly of: 'policy' | 'binding';

  constructor(why: string, of: 'policy' | 'binding' = 'binding') {
    super(`failed to configure ${of}: ${why}`);
    this.of = of;
  }
}

/** A policy, of whatever sort, as far as it says what parameters it has. */
export interface WithParams {
  readonly spec?: { readonly paramKind?: ParamKind | undefined } | undefined;
}

const NONE_FOUND = 'no params found for policy binding with `Deny` parameterNotFoundAction';

/**
 * The objects a policy is to be evaluated with, one after the other; undefined stands for "without any".
 * @throws ParamsError
 */
export async function paramsOf(
  policy: WithParams,
  ref: ParamRef | undefined,
  o: { store: ResourceStore; kinds: KindRegistry; namespace: string },
): Promise<(KubeObject | undefined)[]> {
  const { paramKind } = policy.spec ?? {};
  if (paramKind === undefined) return [undefined];
  const { apiVersion = '', kind = '' } = paramKind;
  const def = o.kinds.forKind({ ...parseApiVersion(apiVersion), kind });
  if (def === undefined) {
    throw new ParamsError(
      `failed to find resource referenced by paramKind: '${apiVersion}, Kind=${kind}'`,
      'policy',
    );
  }
  if (ref === undefined) return [undefined];
  if (!def.namespaced && ref.namespace) {
    throw new ParamsError(
      'paramRef.namespace must not be provided for a cluster-scoped `paramKind`',
    );
  }
  const namespace = def.namespaced ? ref.namespace || o.namespace : '';
  if (def.namespaced && namespace === '') {
    throw new ParamsError(
      'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
    );
  }
  const view = await filled(o.store.cache(def));
  const found = ref.name
    ? [view.get(namespace, ref.name)].filter((one) => one !== undefined)
    : selected(view.list(namespace), ref);
  if (found.length === 0 && ref.parameterNotFoundAction !== 'Allow') {
    throw new ParamsError(NONE_FOUND);
  }
  return found;
}

function selected(all: readonly KubeObject[], { selector }: ParamRef): KubeObject[] {
  const wanted = labelSelectorOf(selector ?? {});
  return all.filter((one) => matchesLabels(wanted, one.metadata.labels ?? {}));
}
