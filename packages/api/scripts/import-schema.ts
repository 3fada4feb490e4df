import type { Facts, FieldFact, KindFact, OpenApiProperty, TypeFact } from './facts.ts';
import { ALWAYS_WRITTEN, KEEP_ZERO, VALUE_STRUCTS } from './go-shapes.ts';

const PREFIXES: readonly [string, string][] = [
  ['io.k8s.api.', ''],
  ['io.k8s.apimachinery.pkg.apis.', ''],
  ['io.k8s.apimachinery.pkg.util.', ''],
  ['io.k8s.apimachinery.pkg.api.', ''],
  ['io.k8s.apimachinery.pkg.', ''],
  ['io.k8s.apiextensions-apiserver.pkg.apis.', ''],
  ['io.k8s.kube-aggregator.pkg.apis.', ''],
];

/** `io.k8s.api.core.v1.PodSpec` → `core.v1.PodSpec`. */
export function shortTypeName(name: string): string {
  for (const [prefix, to] of PREFIXES) {
    if (name.startsWith(prefix)) return to + name.slice(prefix.length);
  }
  return name;
}

function typeText(p: OpenApiProperty): string {
  if (p.$ref) return shortTypeName(p.$ref.slice('#/definitions/'.length));
  if (p.items) return `[]${typeText(p.items)}`;
  if (p.additionalProperties) return `map:${typeText(p.additionalProperties)}`;
  if (p.type === 'integer') return p.format === 'int64' ? 'int64' : 'int32';
  if (p.type === 'number') return 'double';
  if (p.type === 'boolean') return 'bool';
  if (p.type === 'string') return p.format === 'byte' ? 'bytes' : 'string';
  return 'any';
}

/** Does `Type.field` (or `group.Type.field`, `Type.*`, `Type.*a,b`) name this field? */
function listed(list: readonly string[], type: string, field: string): boolean {
  const parts = type.split('.');
  const base = parts.at(-1) ?? type;
  const names = [base, `${parts[0]}.${base}`];
  return list.some((entry) => {
    const at = entry.lastIndexOf('.');
    if (!names.includes(entry.slice(0, at))) return false;
    const what = entry.slice(at + 1);
    if (what === field || what === '*') return true;
    return what.startsWith('*') && what.slice(1).split(',').includes(field);
  });
}

function protobufName(name: string): string {
  return name
    .replace('io.k8s.', 'k8s.io.')
    .replace('apiextensions-apiserver', 'apiextensions_apiserver')
    .replace('kube-aggregator', 'kube_aggregator');
}

function fieldFact(type: string, name: string, p: OpenApiProperty, required: boolean): FieldFact {
  const f: FieldFact = { t: typeText(p) };
  if (required) f.r = 1;
  if (p['x-kubernetes-list-type']) f.l = p['x-kubernetes-list-type'];
  if (p['x-kubernetes-list-map-keys']) f.k = p['x-kubernetes-list-map-keys'];
  if (p['x-kubernetes-patch-strategy']) f.s = p['x-kubernetes-patch-strategy'];
  if (p['x-kubernetes-patch-merge-key']) f.mk = p['x-kubernetes-patch-merge-key'];
  if (p['x-kubernetes-map-type'] === 'atomic') f.a = 1;
  if (listed(KEEP_ZERO, type, name)) f.z = 1;
  if (listed(VALUE_STRUCTS, type, name)) f.v = 1;
  if (f.t === 'meta.v1.ObjectMeta' || f.t === 'meta.v1.ListMeta') f.v = 1;
  const [group, , base] = type.split('.');
  const written = ALWAYS_WRITTEN[`${base}.${name}`] ?? ALWAYS_WRITTEN[`${group}.${base}.${name}`];
  if (written) f.w = written;
  return f;
}

/** Types the server speaks beside its kinds. */
const EXTRA = ['Status', 'DeleteOptions', 'LabelSelector', 'Table', 'WatchEvent', 'ObjectMeta'];

/** The compact schema of every type reachable from the stable kinds. */
export function schemaFacts(facts: Facts, kinds: KindFact[]): Record<string, TypeFact> {
  const defs = new Map(
    Object.entries(facts.openapi.definitions).map(([n, d]) => [shortTypeName(n), { n, d }]),
  );
  const out: Record<string, TypeFact> = {};
  const wanted: string[] = EXTRA.map((n) => `meta.v1.${n}`).filter((n) => defs.has(n));
  wanted.push('autoscaling.v1.Scale', 'policy.v1.Eviction', 'authentication.v1.TokenRequest');
  for (const k of kinds) wanted.push(k.type, `${k.type}List`);
  while (wanted.length > 0) {
    const type = wanted.pop() ?? '';
    const found = defs.get(type);
    if (out[type] || !found) continue;
    const fact: TypeFact = {};
    const gvks = found.d['x-kubernetes-group-version-kind'] ?? [];
    const gvk = gvks.length === 1 ? gvks[0] : undefined;
    if (gvk) fact.gvk = [gvk.group, gvk.version, gvk.kind];
    if (found.d['x-kubernetes-map-type'] === 'atomic') fact.a = 1;
    out[type] = fact;
    if (!found.d.properties) continue;
    const numbers = facts.protobuf[protobufName(found.n)] ?? {};
    fact.f = {};
    for (const [name, p] of Object.entries(found.d.properties)) {
      const field = fieldFact(type, name, p, found.d.required?.includes(name) ?? false);
      const id = numbers[name]?.id;
      if (id !== undefined) field.n = id;
      fact.f[name] = field;
      wanted.push(field.t.replace(/^(\[\]|map:)+/, ''));
    }
  }
  return Object.fromEntries(Object.entries(out).sort(([a], [b]) => (a < b ? -1 : 1)));
}
