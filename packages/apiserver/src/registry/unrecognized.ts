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
