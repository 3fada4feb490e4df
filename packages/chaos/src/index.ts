/** `@kubets/chaos`: what the `kubets chaos` command is made of. */
export { readHistory, writeHistory } from './history/file.ts';
export { judge, type Verdict } from './history/judge.ts';
export type { History, RunFacts } from './history/records.ts';
export { planOf, scenarioNamed } from './plan/plan.ts';
export { SCENARIOS, type Scenario } from './plan/scenarios.ts';
export type * from './ports.ts';
export { reportHtml } from './report/report.ts';
