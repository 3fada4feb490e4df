/** Every kind of fault: how it is made, and what puts it right. */
import { delay } from '@kubets/platform';
import { ChaosError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { FaultKind, PlannedFault, Target } from '../ports.ts';
import { breakGuarded } from '../runtime/guard.ts';
import { quoted } from '../runtime/shell.ts';
import { failDisk, fillDisk, losePower, slowDisk } from './disk.ts';
import { cutLinks, delayMember, linksOf } from './network.ts';
import { setMember, waitServing } from './recovery.ts';
import { replaceMember } from './replace.ts';

/** A fault under way. */
export interface Broken {
  /** For the report. */
  readonly detail: string;
  /** Puts things right, as far as the fault goes: members that it ended run again, but may not serve yet. */
  undo(): Promise<void>;
}

export interface FaultContext {
  readonly target: Target;
  readonly planned: PlannedFault;
  /** Whom it hits. */
  readonly member: string;
}

/** A fault's guard acts this much after the tool should have. */
const GUARD_SLACK_MS = 5_000;
const LOSS_SHARE = 0.25;
const MAX_STEP_MS = 3_600_000;

const others = ({ target, member }: FaultContext): string[] =>
  target.members.map(({ name }) => name).filter((name) => name !== member);
const expiresMs = ({ planned }: FaultContext): number => planned.holdMs + GUARD_SLACK_MS;

async function kill({ target, member }: FaultContext): Promise<Broken> {
  await target.kill(member);
  return { detail: 'SIGKILL', undo: () => target.start(member) };
}

async function stop(context: FaultContext): Promise<Broken> {
  const { target, member } = context;
  const pid = target.pid(member);
  if (pid === undefined) throw new ChaosError(`${member} does not run`);
  const guarded = await breakGuarded({
    what: `stop ${member}`,
    inject: `kill -STOP ${pid}`,
    undo: `kill -CONT ${pid} 2>/dev/null || :`,
    expiresMs: expiresMs(context),
  });
  return { detail: 'SIGSTOP', undo: guarded.undo };
}

async function restart({ target, member }: FaultContext): Promise<Broken> {
  await target.stop(member);
  return { detail: 'SIGTERM', undo: () => target.start(member) };
}

async function isolate(context: FaultContext, way: 'in' | 'out' | 'both'): Promise<Broken> {
  const { target, member } = context;
  const links = linksOf(member, others(context), way);
  const guarded = await cutLinks(target, links, { expiresMs: expiresMs(context) });
  const detail = { in: 'hears nobody', out: 'nobody hears it', both: 'alone' }[way];
  return { detail, undo: guarded.undo };
}

/** The member and enough others to be as few as possible short of half, against the rest. */
async function halves(context: FaultContext): Promise<Broken> {
  const { target, member, planned } = context;
  const rest = others(context);
  const few = Math.floor(target.members.length / 2);
  // The member is on the side of the few or of the many, as the dice say.
  const companions = planned.dice < 0.5 ? few - 1 : target.members.length - few - 1;
  const start = Math.floor(planned.dice * 1_000) % rest.length;
  const turned = [...rest.slice(start), ...rest.slice(0, start)];
  const here = [member, ...turned.slice(0, companions)];
  const there = turned.slice(companions);
  const links = here.flatMap((one) => linksOf(one, there, 'both'));
  const guarded = await cutLinks(target, links, { expiresMs: expiresMs(context) });
  return { detail: `${here.join('+')} | ${there.join('+')}`, undo: guarded.undo };
}

async function loss(context: FaultContext): Promise<Broken> {
  const { target, member } = context;
  const links = linksOf(member, others(context), 'both');
  const options = { expiresMs: expiresMs(context), share: LOSS_SHARE };
  const guarded = await cutLinks(target, links, options);
  return { detail: `${LOSS_SHARE * 100} % of the packets`, undo: guarded.undo };
}

async function slow(context: FaultContext): Promise<Broken> {
  const { target, member } = context;
  const guarded = await slowDisk(target, member, expiresMs(context));
  return { detail: 'syncs take 200 ms and more', undo: guarded.undo };
}

async function full(context: FaultContext): Promise<Broken> {
  const { target, member } = context;
  const guarded = await fillDisk(target, member, expiresMs(context));
  return {
    detail: 'no space left',
    async undo() {
      await guarded.undo();
      // It may have ended itself, as it should when it cannot write.
      await setMember(target, member);
    },
  };
}

/** A member must end when a sync fails: it cannot know what is on the disk. It comes back with the disk as it is. */
async function fail(context: FaultContext): Promise<Broken> {
  const { target, member } = context;
  const guarded = await failDisk(target, member, expiresMs(context));
  return {
    detail: 'writes fail with EIO',
    async undo() {
      await target.kill(member);
      await guarded.undo();
      await target.remount(member);
      await target.start(member);
    },
  };
}

async function powerLoss({ target }: FaultContext, members: readonly string[]): Promise<Broken> {
  await Promise.all(
    members.map(async (member) => {
      // The disk goes first: a process that is being ended must not get to write anything more.
      await losePower(target, member);
      await target.kill(member);
    }),
  );
  return {
    detail: members.length > 1 ? 'all members at once' : 'unsynced writes are gone',
    async undo() {
      for (const member of members) await target.remount(member);
      await Promise.all(members.map((member) => target.start(member)));
    },
  };
}

async function clockStep(context: FaultContext): Promise<Broken> {
  const { target, member, planned } = context;
  const file = target.clockFile(member);
  if (file === undefined) throw new ChaosError(`the clock of ${member} cannot be set`);
  const stepMs = Math.round((planned.dice * 2 - 1) * MAX_STEP_MS);
  const guarded = await breakGuarded({
    what: 'set a clock',
    inject: `echo ${stepMs} > ${quoted(file)}`,
    undo: `rm -f ${quoted(file)}`,
    expiresMs: expiresMs(context),
  });
  return { detail: `${stepMs > 0 ? '+' : ''}${Math.round(stepMs / 1_000)} s`, undo: guarded.undo };
}

/** The member comes back with a certificate of yesterday: nobody may let it in, and the others must go on. */
async function expiredCertificate({ target, member }: FaultContext): Promise<Broken> {
  const files = target.certificates(member);
  if (files === undefined) throw new ChaosError(`${member} has no certificate`);
  await target.kill(member);
  const flags = { 'peer-cert-file': files.expiredCert, 'peer-key-file': files.expiredKey };
  await target.start(member, { flags });
  return {
    detail: 'shows a certificate of yesterday',
    async undo() {
      await target.kill(member);
      await target.start(member);
    },
  };
}

const MAKERS: Readonly<Record<FaultKind, (context: FaultContext) => Promise<Broken>>> = {
  kill,
  stop,
  restart,
  halves,
  loss,
  isolate: (context) => isolate(context, 'both'),
  'one-way-in': (context) => isolate(context, 'in'),
  'one-way-out': (context) => isolate(context, 'out'),
  async delay(context) {
    return await delayMember(context.target, context.member, expiresMs(context));
  },
  'slow-disk': slow,
  'failing-disk': fail,
  'full-disk': full,
  'power-loss': (context) => powerLoss(context, [context.member]),
  blackout: (context) => powerLoss(context, [context.member, ...others(context)]),
  'clock-step': clockStep,
  'expired-certificate': expiredCertificate,
  'replace-member': ({ target, member }) => replaceMember(target, member),
};

/** Makes a fault. @throws ChaosError when it cannot be made; everything is as before then */
export function makeFault(context: FaultContext): Promise<Broken> {
  return MAKERS[context.planned.kind](context);
}

/** Waits until every member serves again. @throws ChaosError with the last words of the one that does not */
export async function waitRecovered(target: Target): Promise<void> {
  for (const { name } of target.members) {
    await waitServing(target, name, LIMITS.backMs);
    await delay(0);
  }
}
