/** What users of client libraries do with pods: exec, logs, attach, copy, port-forward. The libraries are unmodified. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  Attach,
  Cp,
  Exec,
  KubeConfig,
  Log,
  PortForward,
  type V1Status,
} from '@kubernetes/client-node';
import { eventually, must } from './shell.ts';

/** Pods in the namespace `default`: one that talks and has a shell, one that serves `/passwd` on 8080. */
export interface Pods {
  readonly talker: string;
  readonly server: string;
}

const NAMESPACE = 'default';
const NOTE = 'there and back';
const LIMIT_MS = 20_000;
const REQUEST = 'GET /passwd HTTP/1.0\r\n\r\n';

/**
 * Every step through both libraries, and what has to come out.
 * @param folder for files; it has to outlive the call, as one library does not tell when it is done with its own
 */
export async function streamsWork(kubeconfig: string, pods: Pods, folder: string): Promise<void> {
  assert.deepEqual(await throughJavaScript(kubeconfig, pods, folder).catch(rethrow), {
    exec: 'through stdin',
    verdict: '3',
    log: 'i am me',
    attach: 'line N',
    copied: NOTE,
    forwarded: 'root:x:0:0:root:/:/bin/sh\n',
  });
  assert.deepEqual(await throughPython(kubeconfig, pods), [
    'exec 42',
    'session got this 3',
    'log line',
    'forwarded root:x:0:0:root:/:/bin/sh',
  ]);
}

/** The library rejects with an event where a connection is refused; a report shows nothing of those. */
function rethrow(reason: unknown): never {
  if (reason instanceof Error || typeof reason !== 'object' || reason === null) throw reason;
  throw new Error(`a stream: ${Reflect.get(reason, 'message')}`, {
    cause: Reflect.get(reason, 'error'),
  });
}

/** What came out of each step, by its name, through `@kubernetes/client-node`. */
async function throughJavaScript(kubeconfig: string, pods: Pods, folder: string): Promise<object> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const exec = await ran(config, pods.talker, ['cat'], 'through stdin');
  const failed = await ran(config, pods.talker, ['sh', '-c', 'exit 3']);
  return {
    exec: exec.out,
    verdict: failed.status.details?.causes?.[0]?.message,
    log: await logged(config, pods.talker),
    attach: await attached(config, pods.talker),
    copied: await copied(config, pods.talker, folder),
    forwarded: await forwarded(config, pods.server),
  };
}

async function ran(
  config: KubeConfig,
  pod: string,
  command: string[],
  input?: string,
): Promise<{ out: string; status: V1Status }> {
  const out = new PassThrough();
  const stdin = input === undefined ? null : new PassThrough();
  const ended = Promise.withResolvers<V1Status>();
  const exec = new Exec(config);
  await exec.exec(NAMESPACE, pod, pod, command, out, null, stdin, false, ended.resolve);
  stdin?.end(input);
  const [all, status] = await Promise.all([text(out), ended.promise]);
  return { out: all, status };
}

const firstLine = (all: string): string | undefined => all.replaceAll(/\d+/g, 'N').split('\n')[0];

async function logged(config: KubeConfig, pod: string): Promise<string | undefined> {
  const out = new PassThrough();
  await new Log(config).log(NAMESPACE, pod, pod, out);
  return firstLine(await text(out));
}

/** The first line of what goes on until the client hangs up. */
async function attached(config: KubeConfig, pod: string): Promise<string | undefined> {
  const out = new PassThrough();
  const socket = await new Attach(config).attach(NAMESPACE, pod, pod, out, null, null, false);
  try {
    let all = '';
    while (!all.includes('\n')) {
      const [piece] = (await once(out, 'data')) as [Buffer];
      all += piece.toString();
    }
    return firstLine(all);
  } finally {
    socket.close();
  }
}

/** A file on its way into the pod and out again. */
async function copied(config: KubeConfig, pod: string, folder: string): Promise<string> {
  const there = mkdtempSync(join(folder, 'there-'));
  const back = mkdtempSync(join(folder, 'back-'));
  writeFileSync(join(there, 'note'), NOTE);
  const cp = new Cp(config);
  await cp.cpToPod(NAMESPACE, pod, pod, there, '/tmp');
  await eventually('the file is in the pod', LIMIT_MS, async () => {
    const { out } = await ran(config, pod, ['cat', '/tmp/note']);
    assert.equal(out, NOTE);
  });
  await cp.cpFromPod(NAMESPACE, pod, pod, 'note', back, '/tmp');
  // The library tells of the beginning of a copy only.
  return eventually('the file is back', LIMIT_MS, async () => {
    const note = readFileSync(join(back, 'note'), 'utf8');
    assert.equal(note, NOTE);
    return note;
  });
}

async function forwarded(config: KubeConfig, pod: string): Promise<string> {
  const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const forward = new PortForward(config);
  const socket = await forward.portForward(NAMESPACE, pod, [8080], output, errors, input);
  if (typeof socket === 'function') throw new Error('the socket was to be open');
  input.write(REQUEST);
  socket.addEventListener('close', () => output.end());
  return (await text(output)).split('\r\n\r\n')[1] ?? '';
}

const SCRIPT = join(import.meta.dirname, 'streams.py');

/** The same through Debian's Python library, one line a step. */
async function throughPython(kubeconfig: string, pods: Pods): Promise<string[]> {
  const out = await must('/usr/bin/python3', [SCRIPT, kubeconfig, pods.talker, pods.server]);
  return out.trim().split('\n');
}
