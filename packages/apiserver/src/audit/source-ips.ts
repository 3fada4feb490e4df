import { isIP } from 'node:net';
import type { AnyRequest } from '../ports.ts';

/** Where a request comes from: what proxies say of it, then the connection's other end. */
export function sourceIpsOf(request: AnyRequest): string[] {
  const { headers, socket } = request;
  const forwarded = [headers['x-forwarded-for'] ?? []].flat().flatMap((one) => one.split(','));
  const real = [headers['x-real-ip'] ?? []].flat();
  const remote = plain(socket?.remoteAddress ?? '');
  const all = [...forwarded, ...real].map((one) => one.trim()).filter((one) => isIP(one) !== 0);
  const ips = [...new Set(all)];
  return remote === '' || ips.at(-1) === remote ? ips : [...ips, remote];
}

const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '');
