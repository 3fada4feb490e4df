/** The kinds of beta and alpha versions, which a server has only when told to. */
import { type KindDef, unstableKinds } from '../registry.ts';
import type { KindDeclaration } from './declaration.ts';
import { IP_ADDRESS } from './ip-address.ts';
import { SERVICE_CIDR } from './service-cidr.ts';

const DECLARED: readonly KindDeclaration[] = [IP_ADDRESS, SERVICE_CIDR];

/** Kinds of versions that are not stable, in the stock server's order. Those without a declaration are checked by schema alone. */
export function optionalKinds(): KindDef[] {
  return unstableKinds.map((def) => {
    const { group, version, kind } = def;
    const declared = DECLARED.find(
      (one) => one.group === group && one.version === version && one.kind === kind,
    );
    return declared === undefined ? def : { ...def, rules: declared.rules };
  });
}
