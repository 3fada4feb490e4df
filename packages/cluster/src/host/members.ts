/** Members of the store, as joining and leaving hosts change them. */
import {
  channelCredentials,
  clientChannelOptions,
  errorMessage,
  loadProto,
  loadTls,
  serviceOf,
  type TlsMaterial,
} from '@kubets/platform';
import { StartError } from '../errors.ts';
import { limits } from '../limits.ts';

export interface StoreMember {
  /** Decimal. */
  readonly ID: string;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  readonly isLearner: boolean;
}

interface Stub {
  close(): void;
  [method: string]: unknown;
}

interface Reply {
  readonly members?: StoreMember[];
  readonly member?: StoreMember;
  /** Decimal; of a member's status. */
  readonly leader?: string;
}

type Unary = (
  request: object,
  options: { deadline: number },
  done: (error: Error | null, reply?: Reply) => void,
) => void;

const NOBODY = '0';
const targetOf = (endpoint: string): string => endpoint.replace(/^https:\/\//, '');

function stubOf(service: 'Cluster' | 'Maintenance', target: string, tls: TlsMaterial): Stub {
  const proto = loadProto('etcd/rpc.proto', { longs: 'string' });
  const Service = serviceOf(proto, `etcdserverpb.${service}`);
  return new Service(target, channelCredentials(tls), clientChannelOptions) as unknown as Stub;
}

/** gRPC's DEADLINE_EXCEEDED and UNAVAILABLE: nothing listens, or what listens does not answer. */
const SILENT = [4, 14];

/** What a member said; undefined when none did. A member without a leader says so with one of these codes, too. */
function answerIn(error: unknown): string | undefined {
  const { code, details } = error as { code?: number; details?: string };
  const isSilent = code !== undefined && SILENT.includes(code);
  if (isSilent && !details?.startsWith('etcdserver:')) return undefined;
  return details || errorMessage(error);
}

/** Asks whichever member answers. Changes need a majority of the store. */
export class StoreMembers {
  readonly #targets: readonly string[];
  readonly #stubs: readonly Stub[];
  readonly #tls: TlsMaterial;
  readonly #now: () => number;

  /** @param endpoints `https://HOST:PORT` */
  constructor(endpoints: readonly string[], tls: TlsMaterial, now: () => number) {
    this.#now = now;
    this.#tls = tls;
    this.#targets = endpoints.map(targetOf);
    this.#stubs = this.#targets.map((target) => stubOf('Cluster', target, tls));
  }

  async list(): Promise<readonly StoreMember[]> {
    return (await this.#call('MemberList', {})).members ?? [];
  }

  /** The new one has no vote until {@link promote}. @returns its id, and all members with it */
  async addLearner(peerUrl: string): Promise<{ id: string; members: readonly StoreMember[] }> {
    const { member, members = [] } = await this.#call('MemberAdd', {
      peerURLs: [peerUrl],
      isLearner: true,
    });
    return { id: member?.ID ?? '', members };
  }

  /** @throws StartError while the member has not caught up */
  async promote(id: string): Promise<void> {
    await this.#call('MemberPromote', { ID: id });
  }

  async remove(id: string): Promise<void> {
    await this.#call('MemberRemove', { ID: id });
  }

  /** Whether a member serves: it answers, and somebody leads it. */
  async answers({ clientURLs }: StoreMember): Promise<boolean> {
    const stub = stubOf('Maintenance', targetOf(clientURLs[0] ?? ''), this.#tls);
    try {
      const { leader = NOBODY } = await this.#once(stub, 'Status', {});
      return leader !== NOBODY;
    } catch {
      return false;
    } finally {
      stub.close();
    }
  }

  close(): void {
    for (const stub of this.#stubs) stub.close();
  }

  async #call(method: string, request: object) {
    let said: string | undefined;
    for (const stub of this.#stubs) {
      try {
        return await this.#once(stub, method, request);
      } catch (error) {
        said = answerIn(error) ?? said;
      }
    }
    throw new StartError(
      said === undefined
        ? `no member of the store answers at ${this.#targets.join(', ')}`
        : `the store refuses ${method}: ${said}`,
    );
  }

  #once(stub: Stub, method: string, request: object) {
    const deadline = this.#now() + limits.storeCallMs;
    return new Promise<Reply>((resolve, reject) => {
      const call = stub[method] as Unary;
      call.call(stub, request, { deadline }, (error, reply) => {
        if (error === null) resolve(reply ?? {});
        else reject(error);
      });
    });
  }
}

/** The identity administrators talk to the store with, on a master. */
export const storeTls = (pki: string): TlsMaterial =>
  loadTls({
    certFile: `${pki}/etcdctl.crt`,
    keyFile: `${pki}/etcdctl.key`,
    caFile: `${pki}/etcd-ca.crt`,
  });
