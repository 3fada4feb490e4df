/** Certificates: authorities, leaves, requests. Apart from the package's main door because it is heavy and rarely needed. */
export * from './authority.ts';
export * from './requests.ts';
