/** Kills everything in turn while writers write and informers watch, then compares what they know with what is. */
import { seededRandom } from '@kubets/platform';
import { Informer, type Item } from './informer.ts';
import { Processes } from './processes.ts';
import { Rest } from './rest.ts';

const PATH = '/api/v1/namespaces/default/configmaps';
const WRITERS = 4;
const INFORMERS = 4;
const OBJECTS_EACH = 5;
const START_MS = 120_000;
const POLL_MS = 50;

export interface ChaosOptions {
  readonly seed: number;
  /** Processes to kill, one after the other; all in turn, so many times. */
  readonly rounds: number;
  /** Acknowledged writes between two kills. */
  readonly writesBetween: number;
  note(text: string): void;
}

export interface ChaosResult {
  /** Everything that must not have been; empty: all is well. */
  readonly faults: readonly string[];
  readonly kills: number;
  readonly acknowledged: number;
  readonly unsure: number;
  readonly events: number;
  readonly resumes: number;
  readonly lists: number;
}

/** Writes objects of its own; remembers the versions that were acknowledged. */
class Writer {
  readonly acknowledged: string[] = [];
  unsure = 0;
  readonly #o: { rest: Rest; urls: readonly string[]; id: number; random: () => number };
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(o: { rest: Rest; urls: readonly string[]; id: number; random: () => number }) {
    this.#o = o;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#stopped; turn += 1) {
      try {
        await this.#write(turn);
      } catch {
        // Whether it took effect nobody knows: the informers and the final list will say the same.
        this.unsure += 1;
        await pause();
      }
    }
  }

  async #write(turn: number): Promise<void> {
    const { rest, urls, id, random } = this.#o;
    const url = urls[Math.floor(random() * urls.length)] ?? '';
    const name = `w${id}-${Math.floor(random() * OBJECTS_EACH)}`;
    const object = { metadata: { name }, data: { turn: String(turn) } };
    const remove = random() < 0.2;
    const one = `${url}${PATH}/${name}`;
    const first = remove ? await rest.ask('DELETE', one) : await rest.ask('PUT', one, object);
    const isAbsent = first.status === 404;
    const { status, json } =
      isAbsent && !remove ? await rest.ask('POST', `${url}${PATH}`, object) : first;
    if (status >= 500 || status === 429) throw new Error(`the server answered ${status}`);
    const version = (json.metadata as { resourceVersion?: string } | undefined)?.resourceVersion;
    if (!remove && status < 300 && version !== undefined) this.acknowledged.push(version);
  }
}

/** Runs until everything has been killed so many times. */
export async function runChaos(o: ChaosOptions): Promise<ChaosResult> {
  const processes = await Processes.start();
  const rest = new Rest(processes.ca);
  const { urls } = processes;
  const random = seededRandom(o.seed);
  const informers = Array.from(
    { length: INFORMERS },
    (_, first) => new Informer({ rest, urls, path: PATH, first }),
  );
  const writers = Array.from(
    { length: WRITERS },
    (_, id) => new Writer({ rest, urls, id, random: () => random.next() }),
  );
  let kills = 0;
  try {
    await serving(rest, urls);
    for (const each of [...informers, ...writers]) each.start();
    const count = (): number => writers.reduce((sum, each) => sum + each.acknowledged.length, 0);
    await until('the first writes', () => count() >= o.writesBetween);
    for (let round = 0; round < o.rounds; round += 1) {
      for (const name of processes.names) {
        await processes.kill(name);
        kills += 1;
        const before = count();
        await until(`writes after ${name} was killed`, () => count() >= before + o.writesBetween);
        await serving(rest, urls);
        o.note(`${name} killed; ${count()} writes acknowledged`);
      }
    }
    await Promise.all(writers.map((writer) => writer.stop()));
    const faults = await compared({ rest, urls, informers, writers });
    return {
      ...{ faults, kills, acknowledged: count() },
      unsure: writers.reduce((sum, each) => sum + each.unsure, 0),
      events: informers.reduce((sum, each) => sum + each.seen.size, 0),
      resumes: informers.reduce((sum, each) => sum + each.resumes, 0),
      lists: informers.reduce((sum, each) => sum + each.lists, 0),
    };
  } finally {
    await Promise.all([...informers, ...writers].map((each) => each.stop()));
    rest.close();
    await processes.stop();
  }
}

async function compared(o: {
  rest: Rest;
  urls: readonly string[];
  informers: readonly Informer[];
  writers: readonly Writer[];
}): Promise<string[]> {
  const { rest, urls, informers, writers } = o;
  const states = await Promise.all(urls.map((url) => rest.ask('GET', `${url}${PATH}`)));
  const [truth = '', ...others] = states.map(({ json }) => stateOf(json.items as Item[]));
  const faults = others.every((each) => each === truth) ? [] : ['the servers do not agree'];
  const acknowledged = writers.flatMap((writer) => writer.acknowledged);
  for (const [i, informer] of informers.entries()) {
    const known = (): string =>
      stateOf(
        [...informer.objects].map(([name, v]) => ({ metadata: { name, resourceVersion: v } })),
      );
    await until(`informer ${i} knows the final state`, () => known() === truth).catch(() =>
      faults.push(`informer ${i} ends with\n${known()}\nbut there is\n${truth}`),
    );
    faults.push(...informer.faults.map((fault) => `informer ${i}: ${fault}`));
    // An update that changed nothing has the version of the write before it: seen, too.
    const missed = acknowledged.filter(
      (version) => BigInt(version) > informer.listedAt && !informer.seen.has(version),
    );
    if (missed.length > 0) faults.push(`informer ${i} never saw ${missed.slice(0, 5).join(', ')}`);
  }
  return faults;
}

const stateOf = (items: readonly Item[]): string =>
  items
    .map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`)
    .filter((line) => line.startsWith('w'))
    .sort()
    .join('\n');

/** Resolves once every server answers a consistent read. */
async function serving(rest: Rest, urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    await until(`${url} serves`, async () => {
      const ready = await rest.ask('GET', `${url}/readyz`).catch(() => undefined);
      if (ready?.status !== 200) return false;
      const list = await rest.ask('GET', `${url}${PATH}?limit=1`).catch(() => undefined);
      return list?.status === 200;
    });
  }
}

async function until(what: string, met: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (!(await met())) {
    if (performance.now() > deadline) throw new Error(`not within ${START_MS} ms: ${what}`);
    await pause();
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, POLL_MS));
