/** Where kubectl's client-side apply remembers what it applied, and how server-side apply keeps that in step. */
import { MAX_ANNOTATIONS_BYTES } from '../limits.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../meta.ts';
import { getOwn } from '../own.ts';

export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Makes an object that has the memory of a client-side apply remember the configuration just applied; without one it
 * stays without. Where the annotations would become too large by it, the memory goes, and the apply succeeds all the same
 * (apimachinery's managedfields: lastappliedupdater.go, SetLastApplied).
 * @param object the result of the apply; its annotations are replaced
 */
export function refreshLastApplied(object: KubeObject, config: JsonObject): void {
  const { annotations = {} } = object.metadata;
  const { [LAST_APPLIED]: before, ...others } = annotations;
  if (before === undefined || before === '') return;
  const text = `${goText(withoutMemory(config))}\n`;
  const next = { ...others, [LAST_APPLIED]: text };
  object.metadata.annotations = bytesOf(next) > MAX_ANNOTATIONS_BYTES ? others : next;
}

/** The configuration as it is but for the memory in it; annotations there are none of are not made up. */
function withoutMemory(config: JsonObject): JsonObject {
  const { metadata } = config;
  if (!isJsonObject(metadata) || !isJsonObject(metadata.annotations)) return config;
  const { [LAST_APPLIED]: _memory, ...annotations } = metadata.annotations;
  return { ...config, metadata: { ...metadata, annotations } };
}

function bytesOf(annotations: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  return bytes;
}

/** What upstream's encoder escapes besides what JSON has to. */
const ESCAPED = /[<>&\u2028\u2029]/g;

/**
 * The text as upstream writes it, keys in the order of their bytes: kubectl compares texts, and writes this very one
 * itself, so that any other order shows as a difference (`kubectl diff --server-side`).
 */
function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(',')}]`;
  if (!isJsonObject(value)) return leafText(value);
  // Written key by key: an object of JavaScript has keys like `10` in an order of its own.
  const keys = Object.keys(value).sort(byBytes);
  return `{${keys.map((key) => `${leafText(key)}:${goText(getOwn(value, key))}`).join(',')}}`;
}

const leafText = (value: unknown): string =>
  JSON.stringify(value).replace(
    ESCAPED,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
