/** What of a kubeconfig is needed to talk to a server. Pure but for `readFile`, which comes in. */
import { parse } from 'yaml';
import { BenchError } from '../errors.ts';

export interface Access {
  /** `https://host:port` */
  readonly server: string;
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly token: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

function named(document: Fields, list: string, inner: string, name: unknown): Fields {
  const entries = document[list];
  const found = (Array.isArray(entries) ? entries : []).find(
    (entry): entry is Fields => isFields(entry) && entry.name === name,
  );
  const value = found?.[inner];
  if (isFields(value)) return value;
  throw new BenchError(`the kubeconfig has no ${inner} "${String(name)}"`);
}

function bytes(fields: Fields, key: string, readFile: (path: string) => Buffer) {
  const inline = fields[`${key}-data`];
  if (typeof inline === 'string') return Buffer.from(inline, 'base64');
  const path = fields[key];
  return typeof path === 'string' ? readFile(path) : undefined;
}

/**
 * The access of the current context.
 * @param server used instead of the one in the file, when given
 * @throws BenchError when something needed is missing
 */
export function parseKubeconfig(
  text: string,
  readFile: (path: string) => Buffer,
  server?: string,
): Access {
  const document: unknown = parse(text);
  if (!isFields(document)) throw new BenchError('the kubeconfig is not a YAML object');
  const context = named(document, 'contexts', 'context', document['current-context']);
  const cluster = named(document, 'clusters', 'cluster', context.cluster);
  const user = named(document, 'users', 'user', context.user);
  const address = server ?? cluster.server;
  if (typeof address !== 'string' || !address.startsWith('https://')) {
    throw new BenchError(`the server's address must begin with https://, not "${String(address)}"`);
  }
  return {
    server: address.replace(/\/$/, ''),
    ca: bytes(cluster, 'certificate-authority', readFile),
    cert: bytes(user, 'client-certificate', readFile),
    key: bytes(user, 'client-key', readFile),
    token: typeof user.token === 'string' ? user.token : undefined,
  };
}
