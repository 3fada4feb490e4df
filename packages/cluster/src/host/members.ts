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
  readonly isLearner: boolean;
}

interface Stub {
  close(): void;
  [method: string]: unknown;
}

type Unary = (
  request: object,
  options: { deadline: number },
  done: (error: Error | null, reply?: { members?: StoreMember[]; member?: StoreMember }) => void,
) => void;

/** Asks whichever member answers. Changes need a majority of the store. */
export class StoreMembers {
  readonly #stubs: readonly Stub[];
  readonly #now: () => number;

  /** @param endpoints `https://HOST:PORT` */
  constructor(endpoints: readonly string[], tls: TlsMaterial, now: () => number) {
    const Service = serviceOf(
      loadProto('etcd/rpc.proto', { longs: 'string' }),
      'etcdserverpb.Cluster',
    );
    this.#now = now;
    this.#stubs = endpoints.map((endpoint) => {
      const target = endpoint.replace(/^https:\/\//, '');
      return new Service(target, channelCredentials(tls), clientChannelOptions) as unknown as Stub;
    });
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

  close(): void {
    for (const stub of this.#stubs) stub.close();
  }

  async #call(method: string, request: object) {
    let last: unknown;
    for (const stub of this.#stubs) {
      try {
        return await this.#once(stub, method, request);
      } catch (error) {
        last = error;
      }
    }
    throw new StartError(`the store refuses ${method}: ${errorMessage(last)}`);
  }

  #once(stub: Stub, method: string, request: object) {
    const deadline = this.#now() + limits.storeCallMs;
    return new Promise<{ members?: StoreMember[]; member?: StoreMember }>((resolve, reject) => {
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
