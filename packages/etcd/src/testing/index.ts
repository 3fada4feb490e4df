/**
 * `@kubets/etcd/testing`: the judges of histories, for anyone who records what clients of an etcd v3 store saw. They need
 * nothing of the store: fill {@link Operation}s and {@link WatchRecord}s, build the {@link Model} of the agreed sequence (what a
 * watcher of everything saw), and let {@link checkHistory} and {@link checkWatch} throw a {@link HistoryViolation}, or not.
 */

export { checkHistory, type HistoryFacts } from './store/check-history.ts';
export { checkWatch, covered, type WatchFacts } from './store/check-watch.ts';
export {
  type Change,
  type Condition,
  HistoryViolation,
  type Kv,
  type Operation,
  type Outcome,
  type Request,
  type Result,
  type Step,
  type StepResult,
  type Txn,
  type WatchEvent,
  type WatchMessage,
  type WatchRecord,
  within,
} from './store/history.ts';
export { type Evaluation, Model, modelOf } from './store/model.ts';
