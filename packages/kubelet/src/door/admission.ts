/** Lets requests through the kubelet's door, or says why not. */
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { errorMessage, identityOfCertificate } from '@kubets/platform';
import { DoorError } from '../errors.ts';
import { askOf, type DoorAccess, type DoorUser } from './access.ts';

const AUTHENTICATED = 'system:authenticated';

/** Who a connection belongs to by its certificate, if an authority of the door signed that. */
function byCertificate({ socket }: IncomingMessage): DoorUser | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const identity = identityOfCertificate(socket.getPeerCertificate());
  if (identity === undefined) return undefined;
  return { name: identity.commonName, groups: [...identity.organizations, AUTHENTICATED] };
}

async function whoAsks(
  request: IncomingMessage,
  access: DoorAccess,
): Promise<DoorUser | undefined> {
  const user = byCertificate(request);
  if (user !== undefined) return user;
  const [, token] = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  return token === undefined ? undefined : access.identify(token);
}

/**
 * Resolves when a request may pass.
 * @param first the first part of its path
 * @throws DoorError 401 for nobody, 403 for somebody who may not, 500 when that could not be found out
 */
export async function admit(
  request: IncomingMessage,
  first: string,
  access: DoorAccess,
): Promise<void> {
  const user = await whoAsks(request, access).catch((error: unknown) => {
    throw new DoorError(500, `Authentication error: ${errorMessage(error)}`);
  });
  if (user === undefined) throw new DoorError(401, 'Unauthorized');
  const ask = askOf(request.method ?? '', first);
  const what = `user=${user.name}, verb=${ask.verb}, resource=nodes`;
  const facts = `(${what}, subresource(s)=[${ask.subresource}])`;
  const allowed = await access.mayPass(user, ask).catch((error: unknown) => {
    throw new DoorError(500, `Authorization error ${facts}: ${errorMessage(error)}`);
  });
  if (!allowed) throw new DoorError(403, `Forbidden ${facts}`);
}
