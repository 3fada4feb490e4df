/** Faults of a member's disk. They work on any program, for they happen below the file system. */
import { existsSync } from 'node:fs';
import { ChaosError } from '../errors.ts';
import type { MemberDisk, Target } from '../ports.ts';
import { breakGuarded, type Guarded } from '../runtime/guard.ts';
import { quoted, shell } from '../runtime/shell.ts';

const BLKIO = '/sys/fs/cgroup/blkio';
/** With 5 writes a second each sync takes 200 ms and more. */
const SLOW_WRITES_PER_SECOND = 5;
/** `FS_IOC_GOINGDOWN` of Linux and its flag "do not even write the journal": what was not synced is lost. */
const GOING_DOWN = { request: '0x8004587D', noLogFlush: 2 } as const;

function diskOf(target: Target, member: string): MemberDisk {
  const disk = target.disk(member);
  if (disk !== undefined) return disk;
  throw new ChaosError(`${member} has no disk of its own`);
}

/** Every write waits for its turn among few a second. */
export function slowDisk(target: Target, member: string, expiresMs: number): Promise<Guarded> {
  if (!existsSync(`${BLKIO}/blkio.throttle.write_iops_device`)) {
    throw new ChaosError(`slow disks need the blkio controller (cgroup v1) at ${BLKIO}`);
  }
  const { device } = diskOf(target, member);
  const group = `${BLKIO}/kubets-chaos-${device.replace(':', '-')}`;
  const limit = (count: number): string =>
    `echo '${device} ${count}' > ${group}/blkio.throttle.write_iops_device`;
  const pid = target.pid(member);
  return breakGuarded({
    what: 'slow a disk down',
    inject: [
      `mkdir -p ${group}`,
      limit(SLOW_WRITES_PER_SECOND),
      `echo ${pid} > ${group}/cgroup.procs`,
    ].join('\n'),
    // Guard and tool may do this at the same time: each step may find its work done.
    undo: [
      `{ ${limit(0)}; } 2>/dev/null || :`,
      `for p in $(cat ${group}/cgroup.procs 2>/dev/null); do { echo $p > ${BLKIO}/cgroup.procs; } 2>/dev/null || :; done`,
      `rmdir ${group} 2>/dev/null || :`,
    ].join('\n'),
    expiresMs,
  });
}

/** No file can grow any more. */
export function fillDisk(target: Target, member: string, expiresMs: number): Promise<Guarded> {
  const { mount } = diskOf(target, member);
  const filler = quoted(`${mount}/filler`);
  const undo = `rm -f ${filler}`;
  // In two steps: many blocks at once as long as there are many, then the last ones.
  const inject = [
    `fallocate -l "$(($(stat -f -c '%a*%S' ${quoted(mount)}) - 1048576))" ${filler} || :`,
    `dd if=/dev/zero of=${filler} oflag=append conv=notrunc bs=4k 2>/dev/null || :`,
  ].join('\n');
  return breakGuarded({ what: 'fill a disk', inject, undo, expiresMs });
}

/** Writes fail below the file system, with EIO. */
export function failDisk(target: Target, member: string, expiresMs: number): Promise<Guarded> {
  const { backing } = diskOf(target, member);
  const filler = quoted(`${backing}/filler`);
  const inject = `dd if=/dev/zero of=${filler} bs=1M 2>/dev/null || :`;
  return breakGuarded({ what: 'make a disk fail', inject, undo: `rm -f ${filler}`, expiresMs });
}

/** Cuts the disk off from one moment to the next; what was not synced is not there afterwards. */
export async function losePower(target: Target, member: string): Promise<void> {
  const { mount } = diskOf(target, member);
  const { request, noLogFlush } = GOING_DOWN;
  const program = `open(my $d, "<", $ARGV[0]) or die "$!\\n"; my $f = pack("L", ${noLogFlush}); ioctl($d, ${request}, $f) or die "$!\\n";`;
  await shell(`perl -e ${quoted(program)} ${quoted(mount)}`, 'cut a disk off');
}
