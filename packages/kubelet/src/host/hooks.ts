/** Lifecycle hooks: a command, an HTTP request or a pause, after a container starts or before it stops. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Container, HTTPGetAction, LifecycleHandler } from '@kubets/api';
import { type Clock, delay } from '@kubets/platform';
import { HOOK_HTTP_TIMEOUT_MS } from '../limits.ts';
import type { ContainerRuntime } from '../ports.ts';
import { pathOf, portOf } from './probes/target.ts';

/** A hook did not succeed; the message is the event's. */
export class HookFault extends Error {
  override readonly name = 'HookFault';
}

export interface HookTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

export interface HookOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** How hooks name themselves to what they ask. */
const HOOK_AGENT = 'kube-lifecycle/1.32';
const MS_PER_SECOND = 1_000;
const OUTPUT_CHARS = 1_024;

function httpHook(action: HTTPGetAction, target: HookTarget, timeoutMs: number): Promise<void> {
  const send = action.scheme === 'HTTPS' ? httpsRequest : httpRequest;
  const headers = (action.httpHeaders ?? []).map(({ name, value }) => [name, value] as const);
  return new Promise((resolve, reject) => {
    const ask = send({
      host: action.host || target.podIp,
      port: portOf(action.port, target.container),
      path: pathOf(action),
      headers: { 'User-Agent': HOOK_AGENT, Accept: '*/*', ...Object.fromEntries(headers) },
      timeout: Math.min(timeoutMs, HOOK_HTTP_TIMEOUT_MS),
      rejectUnauthorized: false, // Pods carry no certificate a node could check.
    });
    ask.on('response', (answer) => {
      answer.resume();
      resolve();
    });
    ask.on('timeout', () => ask.destroy(new Error('timed out')));
    ask.on('error', (error) => reject(new HookFault(error.message, { cause: error })));
    ask.end();
  });
}

/** Runs a hook to its end. @throws HookFault when it fails or takes too long */
export async function runHook(
  hook: LifecycleHandler,
  target: HookTarget,
  options: HookOptions,
): Promise<void> {
  const { runtime, clock, timeoutMs } = options;
  if (hook.exec !== undefined) {
    const command = hook.exec.command ?? [];
    const result = await runtime.execSync(target.containerId, command, timeoutMs);
    if (result.exitCode === 0) return;
    const output = Buffer.concat([result.stdout, result.stderr]).toString('utf8');
    const text = `command '${command.join(' ')}' exited with ${result.exitCode}`;
    throw new HookFault(`${text}: ${output.slice(0, OUTPUT_CHARS)}`);
  }
  if (hook.httpGet !== undefined) return httpHook(hook.httpGet, target, timeoutMs);
  if (hook.sleep !== undefined) {
    await delay(Math.min(timeoutMs, hook.sleep.seconds * MS_PER_SECOND), { clock });
  }
}
