/** Filters that read what a node has left: ports and resources. */
import type { PluginArgs } from '../config/profile.ts';
import { portKey } from '../core/cluster-state.ts';
import type { NodeEntry } from '../core/node-table.ts';
import type { HostPort } from '../core/pod-info.ts';
import { PODS } from '../core/resources.ts';
import type { FilterPlugin, Rejection } from '../ports.ts';

const ANY_IP = '0.0.0.0';

const NO_PORT: Rejection = {
  plugin: 'NodePorts',
  reasons: ["node(s) didn't have free ports for the requested pod ports"],
  unresolvable: false,
};

/** The same port of the same protocol clashes when either side takes every address, or both the same one. */
function clashes({ ports }: NodeEntry, wanted: HostPort): boolean {
  if (ports.has(portKey(wanted)) || ports.has(portKey({ ...wanted, ip: ANY_IP }))) return true;
  if (wanted.ip !== ANY_IP) return false;
  for (const { protocol, port } of ports.values()) {
    if (port === wanted.port && protocol === wanted.protocol) return true;
  }
  return false;
}

export const nodePorts: FilterPlugin = {
  name: 'NodePorts',
  nodeLocal: true,
  prepare(pod, { table }) {
    const wanted = pod.hostPorts;
    if (wanted.length === 0) return undefined;
    return {
      plugin: 'NodePorts',
      reject(slot) {
        const entry = table.entry(slot);
        return wanted.some((port) => clashes(entry, port)) ? NO_PORT : undefined;
      },
    };
  },
};

const PLUGIN = 'NodeResourcesFit';

type Ignored = Pick<PluginArgs['fit'], 'ignoredResources' | 'ignoredGroups'>;

/** Whether somebody else looks after a resource: only extended ones can be left to others. */
function isIgnored(name: string, { ignoredResources, ignoredGroups }: Ignored): boolean {
  const slash = name.indexOf('/');
  if (slash < 0 || name.slice(0, slash).endsWith('kubernetes.io')) return false;
  return ignoredResources.has(name) || ignoredGroups.has(name.slice(0, slash));
}

export function nodeResourcesFit(ignored: Ignored): FilterPlugin {
  const isLeftOut = ignored.ignoredResources.size + ignored.ignoredGroups.size > 0;
  const prepare: FilterPlugin['prepare'] = (pod, { table, names }) => {
    const podLimits = table.allocatable(PODS);
    const podCounts = table.requested(PODS);
    const requests = isLeftOut
      ? pod.requests.filter(([column]) => !isIgnored(names.name(column), ignored))
      : pod.requests;
    const wanted = requests.map(([column, amount]) => ({
      amount,
      column,
      has: table.allocatable(column),
      taken: table.requested(column),
    }));
    // Nodes that are full are full for few different reasons: a crowded cluster asks for them thousands of times a pod.
    const known = new Map<number, Rejection>();
    const interned = (slot: number): Rejection => {
      const code = codeOf(slot);
      const rejection = known.get(code) ?? explain(slot);
      known.set(code, rejection);
      return rejection;
    };
    const codeOf = (slot: number): number => {
      let code = (podCounts[slot] ?? 0) + 1 > (podLimits[slot] ?? 0) ? 1 : 0;
      for (const { amount, has, taken } of wanted) {
        const total = has[slot] ?? 0;
        const fits = amount <= total - (taken[slot] ?? 0);
        code = code * 3 + (fits ? 0 : amount > total ? 2 : 1);
      }
      return code;
    };
    const explain = (slot: number): Rejection => {
      const reasons: string[] = [];
      let unresolvable = false;
      if ((podCounts[slot] ?? 0) + 1 > (podLimits[slot] ?? 0)) reasons.push('Too many pods');
      for (const { amount, column, has, taken } of wanted) {
        const total = has[slot] ?? 0;
        if (amount <= total - (taken[slot] ?? 0)) continue;
        reasons.push(`Insufficient ${names.name(column)}`);
        // More than the whole node: no eviction helps.
        if (amount > total) unresolvable = true;
      }
      return { plugin: PLUGIN, reasons, unresolvable };
    };
    return {
      plugin: PLUGIN,
      reject(slot) {
        if ((podCounts[slot] ?? 0) + 1 > (podLimits[slot] ?? 0)) return interned(slot);
        for (const { amount, has, taken } of wanted) {
          if (amount > (has[slot] ?? 0) - (taken[slot] ?? 0)) return interned(slot);
        }
        return undefined;
      },
    };
  };
  return { name: PLUGIN, nodeLocal: true, prepare };
}
