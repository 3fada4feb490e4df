/** Reads what autoscalers go by: the metrics APIs of extension servers. */
import {
  formatLabelSelector,
  isNotFound,
  type KubeObject,
  type LabelSelector,
  labelSelectorOf,
  type MetricSpec,
  parseDurationMs,
  Quantity,
} from '@kubets/api';
import type { Api } from '@kubets/client';
import { errorMessage } from '@kubets/platform';
import { nameOf, parseTime } from '../objects/meta.ts';
import { resourceOfKind } from '../objects/scales.ts';
import { selectorText } from './figures.ts';
import type { Measurement } from './judge.ts';
import { type PodMetric, UsageError } from './usage.ts';

/** The usage of a pod, as the API of resource metrics has it. */
interface PodUsage extends KubeObject {
  timestamp?: string;
  window?: string;
  containers?: { name: string; usage?: Record<string, string> }[];
}

/** A figure, as the APIs of custom and external metrics have it. */
interface MetricValue extends KubeObject {
  describedObject?: { name?: string };
  timestamp?: string;
  /** Seconds; the older version calls it `window`. */
  windowSeconds?: number;
  window?: number;
  value?: string;
}

const RESOURCE = 'metrics.k8s.io/v1beta1';
const CUSTOM = ['custom.metrics.k8s.io/v1beta2', 'custom.metrics.k8s.io/v1beta1'];
const EXTERNAL = 'external.metrics.k8s.io/v1beta1';
const NOT_SERVED = 'the server could not find the requested resource';
const DEFAULT_WINDOW_MS = 60_000;

/** Whose figures are asked for. */
export interface Measured {
  readonly namespace: string;
  /** The target's pods. */
  readonly labelSelector: string;
}

/** What the server says; of a path nobody serves, what the stock client says. */
function whyOf(error: unknown, what: string): string {
  const text = errorMessage(error);
  return isNotFound(error) && text === NOT_SERVED ? `${NOT_SERVED} (get ${what})` : text;
}

function milliOf({ value }: MetricValue): number {
  return Quantity.parse(value ?? '0').toMilli();
}

/** One reading for one autoscaler: the usage of its pods is asked for once, however many metrics go by it. */
export class Reading {
  readonly #api: Api;
  readonly #of: Measured;
  #usage: Promise<readonly PodUsage[]> | undefined;
  #custom: Promise<string> | undefined;

  constructor(api: Api, of: Measured) {
    this.#api = api;
    this.#of = of;
  }

  /** Never rejects: what could not be read is a measurement, too. */
  async measure(metric: MetricSpec): Promise<Measurement> {
    try {
      return await this.#measure(metric);
    } catch (error) {
      return error instanceof UsageError ? error : new UsageError(errorMessage(error));
    }
  }

  async #measure({ resource, containerResource, pods, object, external }: MetricSpec) {
    if (resource) return this.#resource(resource.name);
    if (containerResource)
      return this.#resource(containerResource.name, containerResource.container);
    if (pods) return this.#podFigures(pods.metric.name, pods.metric.selector);
    if (object) return this.#objectFigure(object);
    if (external) return this.#external(external.metric.name, external.metric.selector);
    return new UsageError('not measured');
  }

  async #resource(resource: string, container?: string): Promise<Measurement> {
    const prefix = `unable to get metrics for resource ${resource}`;
    const api = 'resource metrics API';
    const used = await this.#used().catch((error: unknown) => {
      const why = whyOf(error, 'pods.metrics.k8s.io');
      throw new UsageError(`${prefix}: unable to fetch metrics from ${api}: ${why}`);
    });
    if (used.length === 0) throw new UsageError(`${prefix}: no metrics returned from ${api}`);
    const found = new Map<string, PodMetric>();
    for (const one of used) {
      if (container !== undefined && !one.containers?.some(({ name }) => name === container)) {
        const where = `${one.metadata.namespace ?? ''}/${nameOf(one)}`;
        const why = `container ${container} not present in metrics for pod ${where}`;
        throw new UsageError(`${prefix}: failed to get container metrics: ${why}`);
      }
      const metric = podMetric(one, resource, container);
      if (metric !== undefined) found.set(nameOf(one), metric);
    }
    return { pods: found };
  }

  #used(): Promise<readonly PodUsage[]> {
    const { namespace, labelSelector } = this.#of;
    const api = this.#api.resource<PodUsage>(RESOURCE, 'pods');
    this.#usage ??= api.list(namespace, { labelSelector }).then(({ items }) => items);
    return this.#usage;
  }

  async #podFigures(metric: string, selector: LabelSelector | undefined): Promise<Measurement> {
    const prefix = `unable to get metric ${metric}`;
    const { labelSelector } = this.#of;
    const values = await this.#customValues('pods', '*', { metric, selector, labelSelector }).catch(
      (error: unknown) => {
        throw new UsageError(`${prefix}: ${errorMessage(error)}`);
      },
    );
    if (values.length === 0) {
      throw new UsageError(`${prefix}: no metrics returned from custom metrics API`);
    }
    const found = new Map<string, PodMetric>();
    for (const value of values) {
      const seconds = value.windowSeconds ?? value.window;
      const windowMs = seconds === undefined ? DEFAULT_WINDOW_MS : seconds * 1_000;
      const one = { milli: milliOf(value), atMs: parseTime(value.timestamp), windowMs };
      found.set(value.describedObject?.name ?? '', one);
    }
    return { pods: found };
  }

  async #objectFigure({ describedObject, metric }: MetricSpec['object'] & object) {
    const { apiVersion = '', kind, name } = describedObject;
    try {
      const asked = { metric: metric.name, selector: metric.selector };
      const isNamespace = kind === 'Namespace' && (apiVersion === '' || apiVersion === 'v1');
      const values = isNamespace
        ? await this.#customValues('metrics', undefined, asked)
        : await this.#customValues(await this.#pathOf(apiVersion, kind), name, asked);
      const [value] = values;
      if (value === undefined) throw new Error('the custom metrics API server returned no value');
      return { milli: milliOf(value) };
    } catch (error) {
      // As the stock process says it, the cause where the name would be.
      const where = `${kind} on ${this.#of.namespace} ${name}`;
      throw new UsageError(`unable to get metric ${metric.name}: ${where}/${errorMessage(error)}`);
    }
  }

  /** `ingresses.networking.k8s.io`: how the API of custom metrics calls a kind. */
  async #pathOf(apiVersion: string, kind: string): Promise<string> {
    const resource = await resourceOfKind(this.#api, apiVersion, kind);
    if (resource === undefined) {
      throw new Error(`no matches for kind "${kind}" in version "${apiVersion}"`);
    }
    const [group = '', version] = apiVersion.split('/');
    return version === undefined ? resource : `${resource}.${group}`;
  }

  async #customValues(
    resource: string,
    name: string | undefined,
    asked: { metric: string; selector: LabelSelector | undefined; labelSelector?: string },
  ): Promise<readonly MetricValue[]> {
    const { metric, selector, labelSelector = '' } = asked;
    try {
      const api = this.#api.resource<MetricValue>(await this.#customVersion(), resource);
      const chosen = selector ? formatLabelSelector(labelSelectorOf(selector)) : '';
      const below =
        name === undefined ? { name: metric, subresource: '' } : { name, subresource: metric };
      const parameters = chosen === '' ? {} : { metricLabelSelector: chosen };
      const options = { below, labelSelector, parameters };
      return (await api.list(this.#of.namespace, options)).items;
    } catch (error) {
      const why = whyOf(error, `${resource}.custom.metrics.k8s.io`);
      throw new Error(`unable to fetch metrics from custom metrics API: ${why}`);
    }
  }

  /** The newest version that is served. */
  #customVersion(): Promise<string> {
    this.#custom ??= this.#findCustomVersion();
    return this.#custom;
  }

  async #findCustomVersion(): Promise<string> {
    for (const gv of CUSTOM) {
      try {
        await this.#api.discover(gv);
        return gv;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    throw new Error('no custom metrics API (custom.metrics.k8s.io) registered');
  }

  async #external(metric: string, selector: LabelSelector | undefined): Promise<Measurement> {
    const { namespace } = this.#of;
    const prefix = `unable to get external metric ${namespace}/${metric}/${selectorText(selector)}`;
    const api = this.#api.resource<MetricValue>(EXTERNAL, metric);
    const labelSelector = selector ? formatLabelSelector(labelSelectorOf(selector)) : '';
    const { items } = await api.list(namespace, { labelSelector }).catch((error: unknown) => {
      const why = whyOf(error, `${metric}.external.metrics.k8s.io`);
      const what = `${prefix}: unable to fetch metrics from external metrics API: ${why}`;
      throw new UsageError(what);
    });
    if (items.length === 0) {
      throw new UsageError(`${prefix}: no metrics returned from external metrics API`);
    }
    return { milli: items.reduce((sum, value) => sum + milliOf(value), 0) };
  }
}

/** Undefined unless all containers that count were measured. */
function podMetric(
  { timestamp, window, containers = [] }: PodUsage,
  resource: string,
  container: string | undefined,
): PodMetric | undefined {
  const counted = containers.filter(({ name }) => container === undefined || name === container);
  const amounts = counted.map(({ usage }) => usage?.[resource]);
  if (amounts.length === 0) return undefined;
  let milli = 0;
  for (const amount of amounts) {
    if (amount === undefined) return undefined;
    milli += Quantity.parse(amount).toMilli();
  }
  return { milli, atMs: parseTime(timestamp), windowMs: parseDurationMs(window ?? '') ?? 0 };
}
