/** Files below the node's log folder, as the stock kubelet serves them under `/logs/`. */
import { createReadStream, type Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { errorCode } from '@kubets/platform';
import { DoorError } from '../errors.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;' },
  ...{ '"': '&#34;', "'": '&#39;' },
};
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (one) => ESCAPES[one] ?? one);

/**
 * Sends a file, or a page with the names in a folder. Links that lead out of the log folder are not followed: pods may be let
 * write there.
 * @param parts of the path, decoded
 * @throws DoorError 404
 */
export async function sendNodeLog(
  root: string,
  parts: readonly string[],
  response: ServerResponse,
): Promise<void> {
  const { path, facts } = await found(root, parts);
  if (facts.isDirectory()) return sendFolder(path, response);
  if (!facts.isFile()) throw new DoorError(404, '404 page not found');
  response.writeHead(200, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': facts.size,
  });
  if (facts.size === 0) {
    response.end();
    return;
  }
  // As long as it is now: what is written meanwhile would be more than was promised.
  await pipeline(createReadStream(path, { end: facts.size - 1 }), response);
}

async function found(
  root: string,
  parts: readonly string[],
): Promise<{ path: string; facts: Stats }> {
  try {
    const base = await realpath(root);
    const path = await realpath(join(base, ...parts));
    const isInside = path === base || path.startsWith(base + sep);
    if (isInside) return { path, facts: await stat(path) };
  } catch (error) {
    const isMissing = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(errorCode(error) ?? '');
    if (!isMissing) throw error;
  }
  throw new DoorError(404, '404 page not found');
}

async function sendFolder(path: string, response: ServerResponse): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true });
  const names = entries.map((one) => (one.isDirectory() ? `${one.name}/` : one.name)).sort();
  const lines = names.map((name) => {
    const url = name.split('/').map(encodeURIComponent).join('/');
    return `<a href="${escaped(url)}">${escaped(name)}</a>\n`;
  });
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(`<pre>\n${lines.join('')}</pre>\n`);
}
