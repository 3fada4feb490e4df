import settings from '../allocator.json' with { type: 'json' };

/**
 * Environment variables for the C library's allocator that a part is started with. One arena instead of one a thread: programs of
 * one busy thread gain nothing from more. Memory is given back once 128 KiB of it are free, for the allocator otherwise keeps
 * megabytes in every process; apiservers keep 16 MiB, because answers of many megabytes are made in pieces, and getting the
 * memory of each from the system anew takes two thirds of their speed.
 * @param part the process's name, such as `apiserver-1`
 */
export function allocatorOf(part: string): Readonly<Record<string, string>> {
  return part.startsWith('apiserver') ? settings.apiserver : settings.others;
}
