/** The JavaScript client library's streams into a pod. */
import { PassThrough, Writable } from 'node:stream';
import { Exec, KubeConfig, Log, type V1Status } from '@kubernetes/client-node';

/** Keeps what is written to it. */
class Kept extends Writable {
  text = '';
  #seen: (() => void) | undefined;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
    this.#seen?.();
  }

  /** Resolves once the pattern has been written. */
  matching(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => {
      this.#seen = () => {
        if (pattern.test(this.text)) resolve();
      };
      this.#seen();
    });
  }
}

export interface PodPlace {
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

const configOf = (file: string): KubeConfig => {
  const config = new KubeConfig();
  config.loadFromFile(file);
  return config;
};

/** Runs a command in the pod. */
export async function execByLibrary(
  at: PodPlace,
  command: string[],
  input = '',
): Promise<{ out: string; status: V1Status }> {
  const exec = new Exec(configOf(at.kubeconfig));
  const out = new Kept();
  const ended = Promise.withResolvers<V1Status>();
  const stdin = new PassThrough();
  const { namespace, pod, container } = at;
  await exec.exec(namespace, pod, container, command, out, null, stdin, false, ended.resolve);
  stdin.end(input);
  return { status: await ended.promise, out: out.text };
}

/** Follows the container's log until the pattern shows. */
export async function logByLibrary(at: PodPlace, until: RegExp): Promise<string> {
  const log = new Log(configOf(at.kubeconfig));
  const out = new Kept();
  const stop = await log.log(at.namespace, at.pod, at.container, out, { follow: true });
  await out.matching(until);
  stop.abort();
  return out.text;
}
