import { Client, credentials, status } from '@grpc/grpc-js';
import { PROBE_AGENT } from './results.ts';

const CHECK = '/grpc.health.v1.Health/Check';
const SERVING = 1;
const FIELD_1_BYTES = 0x0a;
const FIELD_1_VARINT = 0x08;

/** HealthCheckRequest: one string, field 1. Names over 127 bytes do not occur. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service, 'utf8').subarray(0, 127);
  return name.length === 0
    ? Buffer.alloc(0)
    : Buffer.concat([Buffer.from([FIELD_1_BYTES, name.length]), name]);
}

/** HealthCheckResponse: one small number, field 1. */
function decodeStatus(message: Buffer): number {
  return message[0] === FIELD_1_VARINT ? (message[1] ?? 0) : 0;
}

/** Asks the standard gRPC health service. @returns why it is not serving; undefined when it is */
export function grpcHealth(
  address: string,
  service: string,
  timeoutMs: number,
): Promise<string | undefined> {
  const options = { 'grpc.primary_user_agent': PROBE_AGENT };
  const client = new Client(address, credentials.createInsecure(), options);
  const deadline = performance.timeOrigin + performance.now() + timeoutMs;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      CHECK,
      encodeRequest,
      decodeStatus,
      service,
      { deadline },
      (error, answer) => {
        client.close();
        if (error !== null) {
          const kind = error.code === status.DEADLINE_EXCEEDED ? 'timeout' : 'error';
          resolve(`${kind}: health rpc failed: ${error.details}`);
        } else if (answer !== SERVING) {
          resolve(`service unhealthy (responded with status ${answer})`);
        } else {
          resolve(undefined);
        }
      },
    );
  });
}
