/** For the test of the guards: starts a cluster, breaks things, says what, and waits to be killed. */
import { cutLinks, linksOf } from '../faults/network.ts';
import { breakGuarded } from '../runtime/guard.ts';
import { ProcessTarget } from '../runtime/processes.ts';

const EXPIRES_MS = 1_500;
const [foreign] = process.argv.slice(2);
const target = await ProcessTarget.start({ kind: 'kubets', members: 1 });
await breakGuarded({
  what: 'stop a process',
  inject: `kill -STOP ${foreign}`,
  undo: `kill -CONT ${foreign}`,
  expiresMs: EXPIRES_MS,
});
if (target.ground.hasNetwork)
  await cutLinks(target, linksOf('m1', ['m1'], 'in'), { expiresMs: EXPIRES_MS });
const { dir } = target.ground;
const pid = target.pid('m1');
process.stdout.write(`${JSON.stringify({ dir, pid, network: target.inNetwork('m1') })}\n`);
setInterval(() => undefined, 1_000);
