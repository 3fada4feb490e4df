/** The cluster in memory, for tests of other programs of the same shape. */
export * from './builders.ts';
export { TestCluster } from './cluster.ts';
