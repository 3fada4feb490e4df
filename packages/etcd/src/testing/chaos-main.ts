/**
 * `node packages/etcd/src/testing/chaos-main.ts --kills N [--pauses M] [--seconds S]`: three member processes whose leader is killed N times, and
 * stopped for some seconds M times, under traffic whose history is then judged. Exits 1 on a violation.
 */
import { parseArgs } from 'node:util';
import { runChaos } from './chaos/chaos.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    pauses: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '86400' },
  },
});
const onStep = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
try {
  const faults = { kills: Number(values.kills), pauses: Number(values.pauses) };
  const options = { ...faults, withinMs: Number(values.seconds) * 1000, onStep };
  process.stdout.write(`${JSON.stringify(await runChaos(options))}\n`);
} catch (err) {
  process.stderr.write(`${err instanceof Error ? err.stack : String(err)}\n`);
  process.exitCode = 1;
}
