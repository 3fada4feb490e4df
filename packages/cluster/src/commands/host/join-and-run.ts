/** `kubets join --from FILE --run`: for containers, which join once and then run, whichever of both is due. */
import { existsSync } from 'node:fs';
import { delay, errorMessage } from '@kubets/platform';
import { StartError, TokenError } from '../../errors.ts';
import type { HostSettings } from '../../host/settings.ts';
import { savedHost, saveHost } from '../../host/store.ts';
import { limits } from '../../limits.ts';
import { clusterPaths } from '../../paths.ts';
import type { Io } from '../io.ts';
import { type JoinFile, readJoinFile } from './compose.ts';
import { type JoinOptions, join } from './join.ts';
import { type RunOptions, run } from './run.ts';

/** Waits for the file: whoever makes it may start later. */
export async function awaitJoinFile(file: string, io: Io): Promise<JoinFile> {
  for (;;) {
    const facts = readJoinFile(file);
    if (facts !== undefined) return facts;
    io.err(`waiting for ${file}\n`);
    await delay(limits.hostRetryMs, { signal: io.signal });
  }
}

/** A network made anew has other addresses for load balancers. @returns the same object where nothing has changed */
export function withRanges(host: HostSettings, ranges: string | undefined): HostSettings {
  const { loadBalancerRanges = '', ...others } = host.cluster;
  if (ranges === undefined || ranges === loadBalancerRanges) return host;
  return {
    ...host,
    cluster: ranges === '' ? others : { ...others, loadBalancerRanges: ranges },
  };
}

export interface JoinAndRunOptions {
  readonly run: Pick<RunOptions, 'onRoll' | 'exchange'>;
  /** Asked for only when the host has not joined yet. */
  readonly join: () => Promise<JoinOptions>;
  /** The file it joins from; what may change there is taken over by hosts that have joined. */
  readonly from?: string | undefined;
  readonly dataDir: string;
}

/**
 * Whether what stopped a join may be over by itself. A token out of a file may be unknown for a moment: whoever wrote the file is
 * about to give it to the cluster.
 */
export const mayPass = (error: unknown, from: string | undefined): boolean =>
  error instanceof StartError || (from !== undefined && error instanceof TokenError);

/** Joins once the cluster answers: its masters may start later than this host. What only the user can mend ends it. */
async function joinStubbornly(options: JoinAndRunOptions, io: Io): Promise<void> {
  for (;;) {
    try {
      return await join(await options.join(), io);
    } catch (error) {
      if (!mayPass(error, options.from) || io.signal.aborted) throw error;
      io.err(`kubets: ${errorMessage(error)}; trying again\n`);
      await delay(limits.hostRetryMs, { signal: io.signal });
    }
  }
}

/** Stays in the foreground. */
export async function joinAndRun(options: JoinAndRunOptions, io: Io): Promise<void> {
  const { dataDir } = options;
  const paths = clusterPaths(dataDir);
  const saved = savedHost(paths);
  // One that has only begun to join goes on with it.
  const isMember = saved !== undefined && !existsSync(paths.joining);
  if (isMember && options.from !== undefined) {
    const present = withRanges(saved, readJoinFile(options.from)?.loadBalancerRanges);
    if (present !== saved) saveHost(paths, present);
  }
  const failed = new AbortController();
  const runIo: Io = { ...io, signal: AbortSignal.any([io.signal, failed.signal]) };
  const running = run({ dataDir, wait: !isMember, ...options.run }, runIo);
  if (!isMember) {
    try {
      await joinStubbornly(options, io);
    } catch (error) {
      failed.abort();
      await running;
      throw error;
    }
  }
  await running;
}
