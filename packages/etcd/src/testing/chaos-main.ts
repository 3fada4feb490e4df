/**
 * `node packages/etcd/src/testing/chaos-main.ts [--kill N] [--pause N] [--partition N] [--slow N] [--full N] [--containers]
 * [--seconds S]`: three real members whose leader is killed, stopped, cut off, or has its disk slowed down or filled up so many
 * times, under traffic whose history is then judged. Partitions and disks need root; containers need a docker daemon, or
 * root to start one. Exits 1 on a violation.
 */
import { parseArgs } from 'node:util';
import { runChaos } from './chaos/chaos.ts';
import { whyNoMachineFaults } from './chaos/commands.ts';

const number = { type: 'string', default: '0' } as const;
const { values } = parseArgs({
  options: {
    ...{ kill: number, pause: number, partition: number, slow: number, full: number },
    /** As `--kill`. */
    kills: number,
    containers: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '86400' },
  },
});
const [kill, pause, partition, slow, full] = [
  Number(values.kill) + Number(values.kills),
  ...[values.pause, values.partition, values.slow, values.full].map(Number),
] as const;
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const onStep = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
try {
  const why = values.containers || !(partition || slow || full) ? undefined : whyNoMachineFaults();
  if (why !== undefined) throw new Error(why);
  const faults = { kill, pause: pause ?? 0, partition: partition ?? 0, slow: slow ?? 0 };
  const result = await runChaos({
    faults: { ...faults, full: full ?? 0 },
    inContainers: values.containers,
    withinMs: Number(values.seconds) * 1000,
    signal: stop.signal,
    onStep,
  });
  process.stdout.write(`${JSON.stringify(result)}\n`);
} catch (err) {
  process.stderr.write(`${err instanceof Error ? err.stack : String(err)}\n`);
  process.exitCode = 1;
}
