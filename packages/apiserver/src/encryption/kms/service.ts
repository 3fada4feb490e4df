/** The service that keeps keys, over its socket. */
import { credentials } from '@grpc/grpc-js';
import { type Clock, loadProto, serviceOf } from '@kubets/platform';

type Annotations = Readonly<Record<string, Buffer>>;

export interface KmsStatus {
  readonly version: string;
  readonly healthz: string;
  readonly key_id: string;
}

export interface Encrypted {
  readonly ciphertext: Buffer;
  readonly key_id: string;
  readonly annotations: Annotations;
}

/** All reject when the service cannot be reached in time or refuses. `uid` names the call in the logs of both sides. */
export interface KmsService {
  status(): Promise<KmsStatus>;
  encrypt(uid: string, plaintext: Buffer): Promise<Encrypted>;
  decrypt(
    uid: string,
    sealed: { ciphertext: Buffer; key_id: string; annotations: Annotations },
  ): Promise<Buffer>;
  close(): void;
}

const SERVICE = 'v2.KeyManagementService';

/** @param endpoint `unix:///PATH`, or `unix:///@NAME` of a socket without a file */
export function kmsService(endpoint: string, timeoutMs: number, clock: Clock): KmsService {
  const Client = serviceOf(loadProto('kms/v2.proto'), SERVICE);
  const client = new Client(addressOf(endpoint), credentials.createInsecure());
  const call = <T>(method: string, request: object): Promise<T> =>
    new Promise((resolve, reject) => {
      const options = { deadline: clock.now() + timeoutMs };
      const done = (error: Error | null, answer: T): void => {
        if (error) reject(error);
        else resolve(answer);
      };
      client[method]?.(request, options, done);
    });
  return {
    status: () => call<KmsStatus>('Status', {}),
    encrypt: (uid, plaintext) => call<Encrypted>('Encrypt', { uid, plaintext }),
    async decrypt(uid, sealed) {
      const { plaintext } = await call<{ plaintext: Buffer }>('Decrypt', { uid, ...sealed });
      return plaintext;
    },
    close: () => client.close(),
  };
}

/** As gRPC here names sockets. */
function addressOf(endpoint: string): string {
  const path = endpoint.replace(/^unix:\/\//, '');
  return path.startsWith('/@') ? `unix-abstract:${path.slice(2)}` : `unix:${path}`;
}
