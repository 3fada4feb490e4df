/** Three member processes, each with a network and a disk of its own that can be broken. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessCluster } from '../../server/testing/processes.ts';
import { MemberDisk } from './disks.ts';
import { Lan } from './lan.ts';

const NAMES = ['m0', 'm1', 'm2'];

export class Rig implements AsyncDisposable {
  readonly cluster: ProcessCluster;
  readonly lan: Lan;
  readonly #disks: ReadonlyMap<string, MemberDisk>;
  readonly #undo: DisposableStack;

  private constructor(
    cluster: ProcessCluster,
    parts: { readonly lan: Lan; readonly disks: ReadonlyMap<string, MemberDisk> },
    undo: DisposableStack,
  ) {
    this.cluster = cluster;
    this.lan = parts.lan;
    this.#disks = parts.disks;
    this.#undo = undo;
  }

  /** Needs root: see `whyNoMachineFaults`. */
  static async start(): Promise<Rig> {
    using undo = new DisposableStack();
    const dir = mkdtempSync(join(tmpdir(), 'kubets-rig-'));
    undo.defer(() => rmSync(dir, { recursive: true, force: true }));
    const lan = undo.use(new Lan(NAMES));
    const disks = new Map(NAMES.map((name) => [name, undo.use(new MemberDisk(dir, name))]));
    const cluster = await ProcessCluster.start(NAMES.length, {
      surroundings: {
        host: (name) => lan.address(name),
        dataRoot: (name) => disks.get(name)?.path ?? dir,
        wrapper: (name) => ['ip', 'netns', 'exec', lan.namespace(name)],
        onSpawn: (name, pid) => disks.get(name)?.adopt(pid),
      },
    });
    return new Rig(cluster, { lan, disks }, undo.move());
  }

  disk(name: string): MemberDisk {
    const disk = this.#disks.get(name);
    if (disk === undefined) throw new Error(`no member ${name}`);
    return disk;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
    this.#undo.dispose();
  }
}
