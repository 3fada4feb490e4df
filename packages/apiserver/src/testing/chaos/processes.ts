/** Three members of the store and two apiservers as processes of their own, to be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedAuthority } from '../../embedded/certificates.ts';

const PACKAGES = join(import.meta.dirname, '..', '..', '..', '..');
const MEMBERS = 3;
const SERVERS = 2;
export const TOKEN = 'chaos-token';

interface Victim {
  readonly name: string;
  readonly args: readonly string[];
  child: ChildProcess | undefined;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export class Processes {
  /** URLs of the apiservers. */
  readonly urls: readonly string[];
  readonly ca: string;
  readonly #dir: string;
  readonly #victims: readonly Victim[];

  private constructor(o: { urls: string[]; ca: string; dir: string; victims: Victim[] }) {
    this.urls = o.urls;
    this.ca = o.ca;
    this.#dir = o.dir;
    this.#victims = o.victims;
  }

  static async start(): Promise<Processes> {
    const dir = mkdtempSync(join(tmpdir(), 'apiserver-chaos-'));
    const store = await storeMembers(dir);
    const file = (name: string, text: string | Buffer): string => {
      writeFileSync(join(dir, name), text, { mode: 0o600 });
      return join(dir, name);
    };
    const authority = await EmbeddedAuthority.create(Date.now());
    const tls = await authority.issue('CN=kube-apiserver');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const common = [
      ...[
        '--bind-address',
        '127.0.0.1',
        '--grpc-port',
        '0',
        '--etcd-servers',
        store.urls.join(','),
      ],
      ...['--tls-cert-file', file('tls.crt', tls.cert), '--client-ca-file', file('ca.crt', tls.ca)],
      ...['--tls-private-key-file', file('tls.key', tls.key), '--health-address', ''],
      ...['--service-account-signing-key-file'],
      file('sa.key', privateKey.export({ type: 'pkcs8', format: 'pem' })),
      ...['--token-auth-file', file('tokens.csv', `${TOKEN},chaos,chaos,"system:masters"\n`)],
      ...['--disable-admission-plugins', 'ServiceAccount', '--log-level', 'warn'],
    ];
    const main = join(PACKAGES, 'apiserver', 'src', 'main.ts');
    const ports = await Promise.all(Array.from({ length: SERVERS }, freePort));
    const servers = ports.map((port, i): Victim => {
      const args = [main, ...common, '--secure-port', String(port)];
      return { name: `apiserver-${i}`, args, child: undefined };
    });
    const urls = ports.map((port) => `https://127.0.0.1:${port}`);
    const victims = [...store.members, ...servers];
    const made = new Processes({ urls, ca: tls.ca.toString('utf8'), dir, victims });
    for (const victim of victims) made.#spawn(victim);
    return made;
  }

  /** The names of all of them: members, then servers. */
  get names(): string[] {
    return this.#victims.map(({ name }) => name);
  }

  /** SIGKILL; starts the process again at once when it is gone. */
  async kill(name: string): Promise<void> {
    const victim = this.#victims.find((each) => each.name === name);
    if (victim === undefined) throw new Error(`no process ${name}`);
    await end(victim);
    this.#spawn(victim);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#victims.map(end));
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #spawn(victim: Victim): void {
    const log = openSync(join(this.#dir, `${victim.name}.log`), 'a');
    const { NODE_TEST_CONTEXT: _ours, ...env } = process.env;
    victim.child = spawn(process.execPath, victim.args, { stdio: ['ignore', log, log], env });
  }
}

async function end(victim: Victim): Promise<void> {
  const { child } = victim;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function storeMembers(dir: string): Promise<{ members: Victim[]; urls: string[] }> {
  const main = join(PACKAGES, 'etcd', 'src', 'main.ts');
  const places = await Promise.all(
    Array.from({ length: MEMBERS }, async (_, i) => {
      const [client, peer] = [await freePort(), await freePort()];
      const [clients, peers] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
      return { name: `etcd-${i}`, clients, peers };
    }),
  );
  const initial = places.map(({ name, peers }) => `${name}=${peers}`).join(',');
  const members = places.map(({ name, clients, peers }): Victim => {
    const args = [
      ...[main, '--name', name, '--data-dir', join(dir, name), '--initial-cluster', initial],
      ...['--listen-client-urls', clients, '--advertise-client-urls', clients],
      ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers],
      ...['--log-level', 'error', '--health-address', ''],
    ];
    return { name, args, child: undefined };
  });
  return { members, urls: places.map(({ clients }) => clients) };
}
