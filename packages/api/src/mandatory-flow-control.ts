/**
 * Flow schemas and priority levels no administrator can do without: one for those who must never wait, one for requests that
 * nothing else is meant for. What they say is fixed (API priority and fairness, KEP-1040).
 */
import type {
  FlowSchema,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  SubjectFlowcontrol,
} from './generated/types.ts';

type FlowSchemaSpec = NonNullable<FlowSchema['spec']>;
type PriorityLevelSpec = NonNullable<PriorityLevelConfiguration['spec']>;

const group = (name: string): SubjectFlowcontrol => ({ kind: 'Group', group: { name } });

const everything = (...subjects: SubjectFlowcontrol[]): PolicyRulesWithSubjects => ({
  subjects,
  resourceRules: [
    {
      ...{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      ...{ clusterScope: true, namespaces: ['*'] },
    },
  ],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
});

/** By name. */
export const MANDATORY_FLOW_SCHEMAS: ReadonlyMap<string, FlowSchemaSpec> = new Map([
  [
    'exempt',
    {
      priorityLevelConfiguration: { name: 'exempt' },
      matchingPrecedence: 1,
      rules: [everything(group('system:masters'))],
    },
  ],
  [
    'catch-all',
    {
      priorityLevelConfiguration: { name: 'catch-all' },
      matchingPrecedence: 10_000,
      distinguisherMethod: { type: 'ByUser' },
      rules: [everything(group('system:unauthenticated'), group('system:authenticated'))],
    },
  ],
]);

/** By name. Of `exempt`, what is under `exempt` may be changed. */
export const MANDATORY_PRIORITY_LEVELS: ReadonlyMap<string, PriorityLevelSpec> = new Map([
  ['exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }],
  [
    'catch-all',
    {
      type: 'Limited',
      limited: {
        ...{ nominalConcurrencyShares: 5, lendablePercent: 0 },
        limitResponse: { type: 'Reject' },
      },
    },
  ],
]);
