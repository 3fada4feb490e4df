/** The kinds of beta and alpha versions, which a server has only when told to. */
import type { KindRules } from '../kind-rules.ts';
import { type KindDef, unstableKinds } from '../registry.ts';
import { CLUSTER_TRUST_BUNDLE } from './cluster-trust-bundle.ts';
import type { KindDeclaration } from './declaration.ts';
import { IP_ADDRESS } from './ip-address.ts';
import { SERVICE_CIDR } from './service-cidr.ts';

const DECLARED: readonly KindDeclaration[] = [CLUSTER_TRUST_BUNDLE, IP_ADDRESS, SERVICE_CIDR];

/**
 * Since when 1.32 and later say that a version goes away, and when it does: three and six releases after it came
 * (`prerelease-lifecycle-gen`); and what is there in its place, where upstream names it.
 */
const LEAVING: Readonly<
  Record<string, readonly [deprecated: string, gone: string, instead?: string]>
> = {
  'admissionregistration.k8s.io/v1beta1': ['1.31', '1.34'],
  'authentication.k8s.io/v1beta1': ['1.30', '1.33', 'authentication.k8s.io/v1'],
  'storage.k8s.io/v1alpha1': ['1.32', '1.35'],
};

function farewell({ apiVersion, kind }: KindDef): Pick<KindRules, 'warning' | 'removedRelease'> {
  const leaving = LEAVING[apiVersion];
  if (leaving === undefined) return {};
  const [deprecated, removedRelease, instead] = leaving;
  const told = `${apiVersion} ${kind} is deprecated in v${deprecated}+, unavailable in v${removedRelease}+`;
  const warning = instead === undefined ? told : `${told}; use ${instead} ${kind}`;
  return { warning, removedRelease };
}

/** Kinds of versions that are not stable, in the stock server's order. Those without a declaration are checked by schema alone. */
export function optionalKinds(): KindDef[] {
  return unstableKinds.map((def) => {
    const { group, version, kind } = def;
    const declared = DECLARED.find(
      (one) => one.group === group && one.version === version && one.kind === kind,
    );
    return { ...def, rules: { ...declared?.rules, ...farewell(def) } };
  });
}
