/** Which representation a client wants. */
import { notAcceptable } from '@kubets/api';

/** How an answer is written. */
export interface Representation {
  readonly as: 'object' | 'table' | 'partial' | 'partial-list';
  /** Version of meta.k8s.io for tables and partial objects. */
  readonly metaVersion: 'v1' | 'v1beta1';
  readonly format: 'json' | 'yaml';
  readonly pretty: boolean;
}

interface Clause {
  readonly type: string;
  readonly params: ReadonlyMap<string, string>;
  readonly quality: number;
}

const SUPPORTED = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const AS: Readonly<Record<string, Representation['as']>> = {
  Table: 'table',
  PartialObjectMetadata: 'partial',
  PartialObjectMetadataList: 'partial-list',
};
/** Clients of people, for whom answers are indented. */
const READS_BY_EYE = /^(curl|Wget|Mozilla)/;

/**
 * Chooses a representation. Protobuf is answered in JSON, which every client that asks for it also reads.
 * @throws ApiError 406 when nothing the client takes can be given
 */
export function representationOf(
  accept: string | undefined,
  o: { pretty: string | null; userAgent: string | undefined },
): Representation {
  const byEye = READS_BY_EYE.test(o.userAgent ?? '');
  const pretty = o.pretty === null ? byEye : o.pretty !== 'false' && o.pretty !== '0';
  const plain: Representation = { as: 'object', metaVersion: 'v1', format: 'json', pretty };
  if (accept === undefined || accept.trim() === '') return plain;
  for (const clause of clausesOf(accept)) {
    const chosen = chosenBy(clause, plain);
    if (chosen !== undefined) return chosen;
  }
  throw notAcceptable(`only the following media types are accepted: ${SUPPORTED.join(', ')}`);
}

function chosenBy(clause: Clause, plain: Representation): Representation | undefined {
  const format = formatOf(clause.type);
  if (format === undefined) return undefined;
  const wanted = clause.params.get('as');
  if (wanted === undefined) return { ...plain, format };
  const as = AS[wanted];
  const version = clause.params.get('v') ?? '';
  if (as === undefined || clause.params.get('g') !== 'meta.k8s.io') return undefined;
  if (version !== 'v1' && version !== 'v1beta1') return undefined;
  return { ...plain, format, as, metaVersion: version };
}

function formatOf(type: string): 'json' | 'yaml' | undefined {
  if (type === 'application/yaml') return 'yaml';
  const isJson = SUPPORTED.includes(type) || type === '*/*' || type === 'application/*';
  return isJson ? 'json' : undefined;
}

/** The clauses of an Accept header, best first, in the header's order among equals. */
function clausesOf(accept: string): readonly Clause[] {
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
  return clauses.filter((clause) => clause.quality > 0).sort((a, b) => b.quality - a.quality);
}
