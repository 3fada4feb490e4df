import { get } from 'node:http';
import { errorMessage } from '@kubets/platform';
import { limits } from '../limits.ts';
import type { Prober } from '../ports.ts';

/** Asks `/readyz` on loopback. */
export const httpProber: Prober = {
  probe(port) {
    return new Promise((resolve) => {
      const request = get(
        { host: '127.0.0.1', port, path: '/readyz', timeout: limits.probeTimeoutMs },
        (response) => {
          response.resume();
          resolve(response.statusCode === 200 ? undefined : `answers ${response.statusCode}`);
        },
      );
      request.once('timeout', () => request.destroy(new Error('no answer')));
      request.once('error', (error) => resolve(errorMessage(error)));
    });
  },
};
