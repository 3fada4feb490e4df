// Loaded into a member before its program: adds the number of milliseconds in a file to its wall clock, so that the clock of one
// process can be set while the machine's stays as it is. Plain JavaScript, for it is loaded before anything else.
import { readFileSync } from 'node:fs';

const file = process.env.KUBETS_CHAOS_CLOCK ?? '';
const LOOK_MS = 50;

if (file !== '') {
  const RealDate = Date;
  const realNow = Date.now.bind(Date);
  let offsetMs = 0;
  const look = () => {
    try {
      offsetMs = Number(readFileSync(file, 'utf8')) || 0;
    } catch {
      // No file: the clock is right.
      offsetMs = 0;
    }
  };
  look();
  setInterval(look, LOOK_MS).unref();
  const now = () => realNow() + offsetMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
  });
}
