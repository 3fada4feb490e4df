/** Limits of authentication, allocation and streaming; each bounds a buffer, a cache, a loop or a wait. */
export const LIMITS = {
  /** Verified token signatures kept in memory; the oldest goes first. */
  verifiedTokens: 10_000,
  /** A token stays good this long after the deletion of its object was asked for, so that shutdown work ends well. */
  deletedTokenLeewayMs: 60_000,
  /** Random picks before the whole range is looked at. */
  randomClaimAttempts: 32,
  /** A claim younger than this may belong to a write that is still on its way. Longer than any request lives. */
  claimGraceMs: 120_000,
  /** The key of an item that was given back goes away after this long. */
  freedItemTtlSeconds: 60,
  /** Attempts at raising the use of a quota that others raise at the same time. */
  quotaAttempts: 8,
  /** Pause between two checks of the service allocations. */
  repairIntervalMs: 180_000,
  /** Objects of the bootstrap written at once. */
  bootstrapConcurrency: 8,
  /** Attempts at one object of the bootstrap that others change at the same time. */
  bootstrapAttempts: 5,
  /** Longest and shortest pause between attempts at the bootstrap while the store is away. */
  bootstrapRetryMaxMs: 5_000,
  bootstrapRetryMs: 200,
  /** How often an apiserver says it is alive, and after what silence the others take it off the list. */
  masterLeaseRenewMs: 5_000,
  masterLeaseExpiryMs: 15_000,
  /** How often an apiserver renews its Lease, and how long that outlives it. */
  identityLeaseRenewMs: 10_000,
  identityLeaseSeconds: 3_600,
  /** Connections kept to one kubelet for plain requests; sessions have their own. */
  kubeletSockets: 64,
  /** A kubelet that takes no connection within this time is unreachable. */
  kubeletConnectMs: 10_000,
  /** Bytes of a kubelet's error answer that are passed on. */
  kubeletErrorBytes: 64 * 1024,
  /** Bytes of a webhook's answer. */
  webhookResponseBytes: 8 * 1024 * 1024,
  /** Connections kept to one service outside. */
  outboundSockets: 32,
  /** Attempts at asking one, and the pause before the second; each further pause is twice as long. */
  outboundAttempts: 4,
  outboundRetryMs: 250,
  /** An authentication or authorisation webhook answers within this time. */
  webhookTimeoutMs: 10_000,
  /** Answers of such a webhook kept. */
  webhookAnswers: 8_192,
  /** The keys of an identity provider are asked for at most this often. */
  oidcRefreshMs: 10_000,
  /** An extension server answers for its discovery within this time, and not with more than this. */
  extensionProbeMs: 5_000,
  extensionDocumentBytes: 8 * 1024 * 1024,
  /** The same for what components ask of it, and for one event of a watch. */
  extensionCallMs: 30_000,
  extensionAnswerBytes: 64 * 1024 * 1024,
  extensionEventBytes: 4 * 1024 * 1024,
  /** How often extension servers that seem well are asked again, and others after a failure. */
  extensionRecheckMs: 30_000,
  extensionRetryMs: 1_000,
  /** APIServices looked at side by side. */
  extensionConcurrency: 8,
  /** Audit events that wait for the log in batch mode, how many are written at once, and how long they wait. */
  auditBufferEvents: 10_000,
  auditLogBatchEvents: 400,
  auditLogWaitMs: 1_000,
  /** A service that audit events are sent to answers within this time. */
  auditWebhookTimeoutMs: 30_000,
  /** Keys an event limit keeps apart unless the configuration says otherwise. */
  eventRateKeys: 4_096,
  /** Verdicts on images kept. */
  imageVerdicts: 1_024,
  /** How often configuration files are looked at for changes. */
  configReloadMs: 5_000,
  /** JWT authenticators, match conditions of a webhook: as many as the stock server takes. */
  jwtAuthenticators: 64,
  matchConditions: 64,
  /** How long new issuers of tokens may take to give their keys before a changed configuration is refused. */
  issuerReadyMs: 60_000,
  /** Issuers of distributed claims whose keys are kept for one authenticator. */
  claimIssuers: 64,
  /** Admission policies kept compiled. */
  compiledPolicies: 500,
  /** How long a policy waits whose checked types could not be written down. */
  policyCheckRetryMs: 1_000,
} as const;
