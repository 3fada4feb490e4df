import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ClientTls } from '@kubets/platform';

/**
 * A connection for HTTP/2, about to be made. One that turns out to speak something else breaks.
 * @param tls absent: plain text
 */
export function dialHttp2(
  { host, port }: { readonly host: string; readonly port: number },
  tls: Partial<ClientTls> | undefined,
): Socket {
  if (tls === undefined) return connectPlain({ host, port, noDelay: true });
  const { ca, cert, key } = tls;
  const socket = connectTls({
    ...{ host, port, ca, cert, key },
    ALPNProtocols: ['h2'],
    ...(isIP(host) === 0 && { servername: host }),
  });
  socket.setNoDelay(true);
  socket.once('secureConnect', () => {
    if (socket.alpnProtocol !== 'h2') socket.destroy(new Error('it does not speak HTTP/2'));
  });
  return socket;
}
