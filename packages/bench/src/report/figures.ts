/** Names of figures that are read again by other commands. */

/** @param group what the processes are: `apiserver`, `etcd`, … */
export const cpuFigure = (group: string, phase: string): string =>
  `${group}: CPU of ${phase}, s (less is better)`;

/** @param phase `start`: before the first node */
export const memoryFigure = (group: string, phase: string): string =>
  `${group}: memory after ${phase}, MiB (less is better)`;
