/** Tokens of browsers' WebSockets, which can set no header: they come as a subprotocol. */
import type { IncomingHttpHeaders } from 'node:http';
import { unauthorized } from '@kubets/api';
import { bearerToken } from './authenticator.ts';

const PREFIX = 'base64url.bearer.authorization.k8s.io.';
/** Without padding, and not of a length that no text encodes to. */
const ENCODED = /^(?:[\w-]{4})*(?:[\w-]{2,3})?$/;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The `authorization` header, or the token among the subprotocols of a WebSocket in its form.
 * @throws ApiError 401 for a token that is none, for several, and for one without another protocol to answer with
 */
export function authorizationOf(headers: IncomingHttpHeaders): string | undefined {
  const { authorization } = headers;
  if (!isWebSocket(headers) || bearerToken(authorization) !== undefined) return authorization;
  const protocols = String(headers['sec-websocket-protocol'] ?? '').split(',');
  const tokens = protocols.map((each) => each.trim()).filter((each) => each.startsWith(PREFIX));
  const [first] = tokens;
  if (first === undefined) return authorization;
  const token = decoded(first.slice(PREFIX.length));
  if (tokens.length > 1 || token === undefined) throw unauthorized();
  if (token === '') return authorization;
  if (protocols.length === tokens.length) throw unauthorized();
  return `Bearer ${token}`;
}

function isWebSocket({ upgrade, connection }: IncomingHttpHeaders): boolean {
  const wants = (connection ?? '').toLowerCase().split(',');
  return upgrade?.toLowerCase() === 'websocket' && wants.some((each) => each.trim() === 'upgrade');
}

function decoded(text: string): string | undefined {
  if (!ENCODED.test(text)) return undefined;
  try {
    return decoder.decode(Buffer.from(text, 'base64url'));
  } catch {
    // No text at all.
    return undefined;
  }
}
