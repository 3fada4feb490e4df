import { tooManyRequests } from '@kubets/api';
import type { Gate } from '../gate.ts';

/** A gate that lets nobody through. */
export const FULL: Gate = {
  enter() {
    throw tooManyRequests('Too many requests, please try again later.', 1);
  },
  leave: () => undefined,
};
