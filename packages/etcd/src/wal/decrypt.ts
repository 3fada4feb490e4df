/** The content of a log that was read, decrypted. */
import { isSealed, refuseSealed, type Vault } from '../encryption/vault.ts';
import { placeOf } from './codec.ts';
import type { Recovered } from './recover.ts';

/**
 * @returns the content in clear, and whether something of it is not encrypted as it should be by now
 * @throws MissingKeyError, StorageError
 */
export function decrypted(
  found: Recovered,
  vault: Vault | undefined,
): { recovered: Recovered; isStale: boolean } {
  let isStale = false;
  const open = (data: Uint8Array, place: () => Buffer): Uint8Array => {
    if (data.byteLength === 0) return data;
    if (vault === undefined) refuseSealed(data);
    if (vault !== undefined && !vault.isCurrent(data)) isStale = true;
    const sealed = isSealed(data);
    return sealed && vault !== undefined ? vault.open(Buffer.from(data), place()) : data;
  };
  const entries = found.entries.map((entry) => {
    return { ...entry, data: open(entry.data, () => placeOf('entry', entry)) };
  });
  const confs = found.confs.map((conf) => {
    const point = { index: conf.index, term: 0 };
    return { ...conf, data: open(conf.data, () => placeOf('conf', point)) };
  });
  const pending = found.pending && {
    ...found.pending,
    data: open(found.pending.data, () => placeOf('pending', found.pending?.point ?? found.offset)),
  };
  return { recovered: { ...found, entries, confs, pending }, isStale };
}
