import { type Clock, delay } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import { type OutboundAsk, type OutboundClient, OutboundError } from './http.ts';

/** Asks again, a few times and after growing pauses, while that may help. @throws OutboundError */
export async function askWithRetries(
  client: Pick<OutboundClient, 'ask'>,
  ask: OutboundAsk,
  clock: Clock,
): Promise<string> {
  let pauseMs: number = LIMITS.outboundRetryMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await client.ask(ask);
    } catch (error) {
      const isOver = attempt >= LIMITS.outboundAttempts;
      if (isOver || !(error instanceof OutboundError) || !error.retriable) throw error;
    }
    await delay(pauseMs, { clock });
    pauseMs *= 2;
  }
}
