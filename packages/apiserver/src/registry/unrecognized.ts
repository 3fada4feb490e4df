/** What the head of a body is read into first, as Go prints its type. */
const HEAD_TYPE =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; ' +
  'Kind string "json:\\"kind,omitempty\\"" }';
export const HEAD_ERROR = "couldn't get version/kind; json parse error: ";

/** What JSON calls the type of a value that is no object. */
function jsonWord(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** What is wrong with a body that is JSON, but no object. */
export const noObjectText = (value: unknown): string =>
  `${HEAD_ERROR}json: cannot unmarshal ${jsonWord(value)} into Go value of type ${HEAD_TYPE}`;

/** What is wrong with an object whose kind or version is no text; undefined: nothing. */
export function headProblem(object: Readonly<Record<string, unknown>>): string | undefined {
  for (const field of ['apiVersion', 'kind']) {
    const given = object[field];
    if (given === undefined || given === null || typeof given === 'string') continue;
    const where = `Go struct field .${field} of type string`;
    return `${HEAD_ERROR}json: cannot unmarshal ${jsonWord(given)} into ${where}`;
  }
  return undefined;
}

const SUMMARY_BYTES = 30;
const BRACE = '{'.charCodeAt(0);

/** The refusal of a body whose kind cannot even be told, with its beginning: as text when that might be JSON. */
export function unrecognizedText(kind: string, why: string, bytes: Buffer): string {
  const isText = bytes[0] === BRACE;
  const start = bytes.subarray(0, SUMMARY_BYTES).toString(isText ? 'utf8' : 'hex');
  const more = bytes.length > SUMMARY_BYTES ? ' ...' : '';
  const summary = bytes.length === 0 ? '<empty>' : start + more;
  return `the object provided is unrecognized (must be of type ${kind}): ${why} (${summary})`;
}
