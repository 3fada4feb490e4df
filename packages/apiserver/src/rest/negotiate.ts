/** Which representation a client wants. */
import { lookup, notAcceptable } from '@kubets/api';

/** How an answer is written. */
export interface Representation {
  readonly as: 'object' | 'table' | 'partial' | 'partial-list';
  /** Version of meta.k8s.io for tables and partial objects. */
  readonly metaVersion: 'v1' | 'v1beta1';
  readonly format: 'json' | 'yaml' | 'protobuf';
  readonly pretty: boolean;
}

/** One of the things an Accept header takes. */
export interface Clause {
  readonly type: string;
  readonly params: ReadonlyMap<string, string>;
  readonly quality: number;
}

const JSON_TYPE = 'application/json';
const YAML_TYPE = 'application/yaml';
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
const SUPPORTED = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE];
/** A stream of YAML documents has no frames. */
const STREAMED = [JSON_TYPE, PROTOBUF_TYPE].map((type) => `${type};stream=watch`);
const AS: Readonly<Record<string, Representation['as']>> = lookup({
  Table: 'table',
  PartialObjectMetadata: 'partial',
  PartialObjectMetadataList: 'partial-list',
});
/** Parameters that ask for another kind; any of them does, and then all three have to fit. */
const TRANSFORMS = ['as', 'g', 'v'];
/** Clients of people, for whom answers are indented. */
const READS_BY_EYE = /^(curl|Wget|Mozilla)/;

export interface NegotiationOptions {
  readonly pretty: string | null;
  readonly userAgent: string | undefined;
  /** The answer is a watch. */
  readonly stream?: boolean;
  /** The object is of a kind without a message of its own: only its metadata can be protobuf. */
  readonly unstructured?: boolean;
  /** The resource only takes something in: there is no table of it. */
  readonly tableless?: boolean;
  /** The answer is a Status: no other form of it will do. */
  readonly isError?: boolean;
}

/** Whether an answer is laid out for reading: as the parameter says, or for programs that people use. */
function wantsPretty(o: Pick<NegotiationOptions, 'pretty' | 'userAgent'>): boolean {
  if (o.pretty === null) return READS_BY_EYE.test(o.userAgent ?? '');
  return o.pretty !== 'false' && o.pretty !== '0';
}

/**
 * Chooses a representation.
 * @throws ApiError 406 when nothing the client takes can be given
 */
export function representationOf(
  accept: string | undefined,
  o: NegotiationOptions,
): Representation {
  const pretty = wantsPretty(o);
  const plain: Representation = { as: 'object', metaVersion: 'v1', format: 'json', pretty };
  // Most clients say no more than this.
  if (accept === undefined || accept === JSON_TYPE || accept.trim() === '') return plain;
  for (const clause of clausesOf(accept)) {
    const chosen = chosenBy(clause, plain);
    if (chosen !== undefined && isPossible(chosen, o)) return chosen;
  }
  const known = o.stream ? STREAMED : SUPPORTED;
  throw notAcceptable(`only the following media types are accepted: ${known.join(', ')}`);
}

function isPossible({ as, format }: Representation, o: NegotiationOptions): boolean {
  if (o.isError && as !== 'object') return false;
  if (o.tableless && as === 'table') return false;
  if (o.stream && format === 'yaml') return false;
  if (format !== 'protobuf') return true;
  return as === 'object' ? o.unstructured !== true : as !== 'table';
}

function chosenBy(clause: Clause, plain: Representation): Representation | undefined {
  const format = formatOf(clause.type);
  if (format === undefined) return undefined;
  const { params } = clause;
  const stream = params.get('stream');
  if (stream !== undefined && stream !== 'watch') return undefined;
  const pretty = plain.pretty || params.get('pretty') === '1';
  if (!TRANSFORMS.some((name) => params.has(name))) return { ...plain, format, pretty };
  const as = AS[params.get('as') ?? ''];
  const version = params.get('v') ?? '';
  if (as === undefined || params.get('g') !== 'meta.k8s.io') return undefined;
  if (version !== 'v1' && version !== 'v1beta1') return undefined;
  return { ...plain, format, pretty, as, metaVersion: version };
}

function formatOf(type: string): Representation['format'] | undefined {
  if (type === YAML_TYPE) return 'yaml';
  if (type === PROTOBUF_TYPE) return 'protobuf';
  return type === JSON_TYPE || type === '*/*' || type === 'application/*' ? 'json' : undefined;
}

/** How little a type says: exact ones come before wildcards of the same quality. */
const vagueness = (type: string): number => (type === '*/*' ? 2 : type.endsWith('/*') ? 1 : 0);

/** The clauses of an Accept header, best first, in the header's order among equals. */
export function clausesOf(accept: string): readonly Clause[] {
  const clauses = accept.split(',').map((text): Clause => {
    const [type = '', ...rest] = text.split(';').map((part) => part.trim());
    const params = new Map<string, string>();
    for (const part of rest) {
      const at = part.indexOf('=');
      if (at > 0) params.set(part.slice(0, at), part.slice(at + 1));
    }
    const quality = Number(params.get('q') ?? '1');
    return { type: type.toLowerCase(), params, quality: Number.isNaN(quality) ? 0 : quality };
  });
  return clauses
    .filter((clause) => clause.quality > 0)
    .sort((a, b) => b.quality - a.quality || vagueness(a.type) - vagueness(b.type));
}
