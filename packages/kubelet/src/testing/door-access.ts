import type { DoorAccess, DoorUser, NodeAsk } from '../door/access.ts';

/** Lets everybody with a certificate through, and nobody with a token. */
export const openAccess: DoorAccess = {
  identify: async () => undefined,
  mayPass: async () => true,
};

/** Knows one token and what its owners may do; remembers what it was asked. */
export class ListedAccess implements DoorAccess {
  readonly asked: string[] = [];
  allowed: (user: DoorUser, ask: NodeAsk) => boolean = () => false;
  tokens: Readonly<Record<string, DoorUser>> = {};
  fault: string | undefined;

  async identify(token: string): Promise<DoorUser | undefined> {
    if (this.fault !== undefined) throw new Error(this.fault);
    return this.tokens[token];
  }

  async mayPass(user: DoorUser, ask: NodeAsk): Promise<boolean> {
    if (this.fault !== undefined) throw new Error(this.fault);
    this.asked.push(`${user.name} [${user.groups}] ${ask.verb} ${ask.subresource}`);
    return this.allowed(user, ask);
  }
}
