import type { Container, HTTPGetAction, IntOrString } from '@kubets/api';

/** A probe or hook names a port that does not exist. */
export class PortError extends Error {
  override readonly name = 'PortError';
}

/** A port by number, or by the name one of the container's ports has. @throws PortError */
export function portOf(port: IntOrString, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find((one) => one.name === port);
  if (named !== undefined) return named.containerPort;
  const number = Number(port);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new PortError(`couldn't find port: ${port}`);
}

/** The path of an HTTP request; pods may leave out what it begins with. */
export const pathOf = ({ path = '' }: HTTPGetAction): string =>
  path.startsWith('/') ? path : `/${path}`;
