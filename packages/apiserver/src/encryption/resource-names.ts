/** What is wrong with the resources an EncryptionConfiguration names, in the stock server's words. */
import { type FieldError, fieldErrors, goQuote } from '@kubets/api';

const { invalid } = fieldErrors;

interface Named {
  readonly group: string;
  readonly resource: string;
}

/** `secrets`, `deployments.apps`, `*.apps`, `*.` (the core group), `*.*`. */
export function namedResource(name: string): Named {
  const at = name.indexOf('.');
  if (at < 0) return { resource: name, group: '' };
  return { resource: name.slice(0, at), group: name.slice(at + 1) };
}

/** Kept in the store, but no objects of the API. */
const NO_OBJECTS = ['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'];

/** The first thing that is wrong with one name. */
function problemOf(name: string): string | undefined {
  if (name !== name.toLowerCase()) return 'resource name should not contain capital letters';
  if (name === '*') {
    return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources";
  }
  if (NO_OBJECTS.includes(name))
    return 'resources which do not have REST API/s cannot be encrypted';
  const { group, resource } = namedResource(name);
  if (group === 'events.k8s.io') {
    return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file";
  }
  if (group === 'extensions') {
    return "'extensions' group has been removed and cannot be used for encryption";
  }
  if (group === '*' && resource !== '*') {
    return 'encrypting the same resource across groups is not supported';
  }
  return undefined;
}

/** Complaints about the names of one part, and about names that hide each other. */
export function resourceErrors(at: string, names: readonly string[]): readonly FieldError[] {
  const errors: FieldError[] = [];
  const all = names.map(namedResource);
  const pairs = all.flatMap((a, i) => all.filter((_b, j) => j !== i).map((b) => [a, b] as const));
  const shown = new fieldErrors.GoText(`[]string{${names.map(goQuote).join(', ')}}`);
  const isSame = (a: Named, b: Named): boolean => a.group === b.group && a.resource === b.resource;
  if (pairs.some(([a, b]) => isSame(a, b))) {
    errors.push(invalid(at, shown, 'the same resource cannot be specified multiple times'));
  }
  const overlaps = ([a, b]: readonly [Named, Named]): boolean => {
    if (isSame(a, b)) return false;
    if (a.group === '*' && a.resource === '*') return true;
    return a.group === b.group && (a.resource === '*' || b.resource === '*');
  };
  if (pairs.some(overlaps)) errors.push(invalid(at, shown, OVERLAP));
  for (const [i, name] of names.entries()) {
    const problem = problemOf(name);
    if (problem !== undefined) errors.push(invalid(`${at}[${i}]`, name, problem));
  }
  return errors;
}

const OVERLAP =
  "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked";
