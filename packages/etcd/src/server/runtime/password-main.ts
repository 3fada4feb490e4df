/** The thread that hashes passwords: a tenth of a second each, during which the member must go on answering. */

import { parentPort } from 'node:worker_threads';
import { compareSync, hashSync } from 'bcryptjs';
import type { PasswordAnswer, PasswordJob } from '../passwords.ts';

function work(job: PasswordJob): string | boolean {
  if (job.type === 'hash') return hashSync(job.password, job.cost);
  return compareSync(job.password, job.hash);
}

parentPort?.on('message', (job: PasswordJob) => {
  const answer: PasswordAnswer = { id: job.id, result: work(job) };
  parentPort?.postMessage(answer);
});
