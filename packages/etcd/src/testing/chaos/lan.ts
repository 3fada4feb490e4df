/**
 * A network of its own for each member: a namespace with an address, all of them on one bridge, which is in a namespace too, so
 * that no rule of the machine touches what is between them. This process is on the bridge as another host.
 */
import { randomBytes } from 'node:crypto';
import { run, tryRun } from './commands.ts';

const MASK = 24;
const FIRST_HOST = 10;

export class Lan implements Disposable {
  readonly #id = randomBytes(2).toString('hex');
  readonly #names: readonly string[];
  /** Of the private range of addresses, one that is probably free. */
  readonly #net = `10.231.${randomBytes(1)[0] ?? 0}`;

  constructor(names: readonly string[]) {
    this.#names = names;
    try {
      this.#make();
    } catch (err) {
      this[Symbol.dispose]();
      throw err;
    }
  }

  #make(): void {
    const hub = this.namespace('hub');
    run('ip', 'netns', 'add', hub);
    run('ip', '-n', hub, 'link', 'add', 'hub', 'type', 'bridge');
    run('ip', '-n', hub, 'link', 'set', 'hub', 'up');
    this.#plug(undefined, `${this.#net}.1`, 'self');
    for (const name of this.#names) {
      run('ip', 'netns', 'add', this.namespace(name));
      run('ip', '-n', this.namespace(name), 'link', 'set', 'lo', 'up');
      this.#plug(this.namespace(name), this.address(name), name);
    }
  }

  /** Connects a namespace, or this process's own, with the bridge. */
  #plug(namespace: string | undefined, address: string, name: string): void {
    const [far, near] = [`k${this.#id}${name}`, `h${this.#id}${name}`];
    const at = namespace === undefined ? [] : ['-n', namespace];
    run('ip', 'link', 'add', far, 'type', 'veth', 'peer', 'name', near);
    run('ip', 'link', 'set', near, 'netns', this.namespace('hub'));
    run('ip', '-n', this.namespace('hub'), 'link', 'set', near, 'master', 'hub', 'up');
    if (namespace !== undefined) run('ip', 'link', 'set', far, 'netns', namespace);
    run('ip', ...at, 'addr', 'add', `${address}/${MASK}`, 'dev', far);
    run('ip', ...at, 'link', 'set', far, 'up');
  }

  namespace(name: string): string {
    return `kubets-${this.#id}-${name}`;
  }

  address(name: string): string {
    return `${this.#net}.${FIRST_HOST + this.#names.indexOf(name)}`;
  }

  /** What one member sends another no longer arrives, and nobody is told. */
  cut(from: string, to: string): void {
    const source = this.address(from);
    const rule = ['-A', 'INPUT', '-s', source, '-j', 'DROP'];
    run('ip', 'netns', 'exec', this.namespace(to), 'iptables', '-w', ...rule);
  }

  heal(): void {
    for (const name of this.#names) {
      run('ip', 'netns', 'exec', this.namespace(name), 'iptables', '-w', '-F', 'INPUT');
    }
  }

  [Symbol.dispose](): void {
    tryRun('ip', 'link', 'del', `k${this.#id}self`);
    for (const name of [...this.#names, 'hub']) tryRun('ip', 'netns', 'del', this.namespace(name));
  }
}
